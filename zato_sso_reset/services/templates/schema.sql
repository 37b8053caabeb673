-- The SSO tables of a Zato 3.3 ODB, for SQLite.

CREATE TABLE zato_sso_user (
    id INTEGER NOT NULL PRIMARY KEY,
    user_id VARCHAR(191) NOT NULL CONSTRAINT zato_user_id_uq UNIQUE,
    is_active BOOLEAN NOT NULL CHECK (is_active IN (0, 1)),
    is_internal BOOLEAN NOT NULL CHECK (is_internal IN (0, 1)),
    is_super_user BOOLEAN NOT NULL CHECK (is_super_user IN (0, 1)),
    is_locked BOOLEAN NOT NULL CHECK (is_locked IN (0, 1)),
    locked_time DATETIME,
    creation_ctx TEXT NOT NULL,
    locked_by VARCHAR(191),
    approval_status VARCHAR(191) NOT NULL,
    approval_status_mod_time DATETIME NOT NULL,
    approval_status_mod_by VARCHAR(191) NOT NULL,
    username VARCHAR(191) NOT NULL CONSTRAINT zato_u_usrn_uq UNIQUE,
    password TEXT NOT NULL,
    password_is_set BOOLEAN NOT NULL CHECK (password_is_set IN (0, 1)),
    password_must_change BOOLEAN NOT NULL CHECK (password_must_change IN (0, 1)),
    password_last_set DATETIME NOT NULL,
    password_expiry DATETIME NOT NULL,
    sign_up_status VARCHAR(191) NOT NULL,
    sign_up_time DATETIME NOT NULL,
    sign_up_confirm_time DATETIME,
    sign_up_confirm_token VARCHAR(191) NOT NULL,
    email TEXT,
    display_name VARCHAR(191),
    first_name VARCHAR(191),
    middle_name VARCHAR(191),
    last_name VARCHAR(191),
    display_name_upper VARCHAR(191),
    first_name_upper VARCHAR(191),
    middle_name_upper VARCHAR(191),
    last_name_upper VARCHAR(191),
    is_rate_limit_active BOOLEAN CHECK (is_rate_limit_active IN (0, 1)),
    rate_limit_type VARCHAR(40),
    rate_limit_def TEXT,
    rate_limit_check_parent_def BOOLEAN CHECK (rate_limit_check_parent_def IN (0, 1)),
    is_totp_enabled BOOLEAN NOT NULL DEFAULT 0 CHECK (is_totp_enabled IN (0, 1)),
    totp_key TEXT,
    totp_label TEXT,
    opaque1 TEXT
);
CREATE UNIQUE INDEX zato_u_sigctok_idx ON zato_sso_user (sign_up_confirm_token);
CREATE INDEX zato_u_email_idx ON zato_sso_user (email);
CREATE INDEX zato_u_appr_stat_idx ON zato_sso_user (approval_status);
CREATE INDEX zato_u_sigst_idx ON zato_sso_user (sign_up_status);
CREATE INDEX zato_u_dspn_idx ON zato_sso_user (display_name_upper);
CREATE INDEX zato_u_lastn_idx ON zato_sso_user (last_name_upper);
CREATE INDEX zato_u_alln_idx ON zato_sso_user (first_name_upper, middle_name_upper, last_name_upper);

CREATE TABLE zato_sso_group (
    id INTEGER NOT NULL PRIMARY KEY,
    is_active BOOLEAN NOT NULL CHECK (is_active IN (0, 1)),
    is_internal BOOLEAN NOT NULL CHECK (is_internal IN (0, 1)),
    group_id VARCHAR(191) NOT NULL CONSTRAINT zato_g_gid_uq UNIQUE,
    name VARCHAR(191) NOT NULL,
    source VARCHAR(191) NOT NULL,
    opaque1 TEXT,
    parent_id INTEGER REFERENCES zato_sso_group (id) ON DELETE CASCADE,
    CONSTRAINT zato_g_name_uq UNIQUE (name, source)
);

CREATE TABLE zato_sso_user_group (
    id INTEGER NOT NULL PRIMARY KEY,
    opaque1 TEXT,
    user_id INTEGER NOT NULL REFERENCES zato_sso_user (id) ON DELETE CASCADE,
    group_id INTEGER NOT NULL REFERENCES zato_sso_group (id) ON DELETE CASCADE,
    CONSTRAINT zato_ug_id_uq UNIQUE (user_id, group_id)
);

CREATE TABLE zato_sso_session (
    id INTEGER NOT NULL PRIMARY KEY,
    ust VARCHAR(191) NOT NULL,
    creation_time DATETIME NOT NULL,
    expiration_time DATETIME NOT NULL,
    remote_addr TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    auth_type TEXT NOT NULL,
    auth_principal TEXT NOT NULL,
    ext_session_id TEXT,
    opaque1 TEXT,
    user_id INTEGER NOT NULL REFERENCES zato_sso_user (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX zato_sso_sust_idx ON zato_sso_session (ust);
CREATE INDEX zato_sso_extsi_idx ON zato_sso_session (ext_session_id);

CREATE TABLE zato_sso_attr (
    id INTEGER NOT NULL PRIMARY KEY,
    creation_time DATETIME NOT NULL,
    last_modified DATETIME,
    expiration_time DATETIME,
    is_session_attr BOOLEAN NOT NULL CHECK (is_session_attr IN (0, 1)),
    is_encrypted BOOLEAN NOT NULL CHECK (is_encrypted IN (0, 1)),
    serial_method VARCHAR(20) NOT NULL,
    name VARCHAR(191) NOT NULL,
    value TEXT,
    _ust_string VARCHAR(191) NOT NULL,
    opaque1 TEXT,
    user_id VARCHAR(191) NOT NULL REFERENCES zato_sso_user (user_id) ON DELETE CASCADE,
    ust VARCHAR(191) REFERENCES zato_sso_session (ust) ON DELETE CASCADE,
    CONSTRAINT zato_attr_name_uq UNIQUE (name, is_session_attr, user_id, _ust_string)
);
CREATE INDEX zato_attr_usr ON zato_sso_attr (user_id);
CREATE INDEX zato_attr_usr_name ON zato_sso_attr (user_id, name);
CREATE INDEX zato_attr_usr_ust ON zato_sso_attr (user_id, ust);
CREATE UNIQUE INDEX zato_attr_usr_ust_name ON zato_sso_attr (user_id, ust, name);

CREATE TABLE zato_sso_linked_auth (
    id INTEGER NOT NULL PRIMARY KEY,
    is_active BOOLEAN NOT NULL CHECK (is_active IN (0, 1)),
    is_internal BOOLEAN NOT NULL CHECK (is_internal IN (0, 1)),
    creation_time DATETIME NOT NULL,
    last_modified DATETIME,
    has_ext_principal BOOLEAN NOT NULL CHECK (has_ext_principal IN (0, 1)),
    auth_type TEXT(191) NOT NULL,
    auth_id INTEGER,
    auth_principal TEXT(191),
    auth_source TEXT NOT NULL,
    opaque1 TEXT,
    user_id VARCHAR(191) NOT NULL REFERENCES zato_sso_user (user_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX auth_idx ON zato_sso_linked_auth (auth_type, user_id, auth_id, auth_principal);

CREATE TABLE zato_sso_password_reset (
    id INTEGER NOT NULL PRIMARY KEY,
    creation_time DATETIME NOT NULL,
    expiration_time DATETIME NOT NULL,
    creation_ctx TEXT NOT NULL,
    token VARCHAR(191) NOT NULL,
    type_ VARCHAR(191) NOT NULL,
    reset_key VARCHAR(191) NOT NULL,
    reset_key_exp_time DATETIME NOT NULL,
    has_been_accessed BOOLEAN NOT NULL CHECK (has_been_accessed IN (0, 1)),
    access_time DATETIME,
    access_ctx TEXT,
    is_password_reset BOOLEAN NOT NULL CHECK (is_password_reset IN (0, 1)),
    password_reset_time DATETIME,
    password_reset_ctx TEXT,
    opaque1 TEXT,
    user_id VARCHAR(191) NOT NULL REFERENCES zato_sso_user (user_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX zato_prt_value_type ON zato_sso_password_reset (token, type_);
