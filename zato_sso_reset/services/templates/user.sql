-- An approved user, whose password nobody knows.

INSERT INTO zato_sso_user (
    user_id, is_active, is_internal, is_super_user, is_locked, creation_ctx,
    approval_status, approval_status_mod_time, approval_status_mod_by,
    username, display_name, display_name_upper,
    password, password_is_set, password_must_change, password_last_set, password_expiry,
    sign_up_status, sign_up_time, sign_up_confirm_token,
    is_rate_limit_active, rate_limit_check_parent_def,
    is_totp_enabled, totp_key, totp_label
) VALUES (
    :user_id, 1, 0, 0, 0, 'null',
    'approved', :now, 'auto',
    :username, :username, :username_upper,
    :password, 1, 0, :now, :expiry,
    'final', :sign_up_time, :token,
    0, 0,
    0, :totp_key, :totp_label
);
