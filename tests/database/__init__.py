"""Database: connections, transactions and introspection."""
