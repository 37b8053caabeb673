"""The real `zato` with shorter waits, for the many runs in which a server is made to keep silent."""

from zato_sso_reset import __main__, odb

if __name__ == "__main__":
    odb.TRANSACTION_TIMEOUT = 2
    __main__.main()
