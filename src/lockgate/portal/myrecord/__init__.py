"""How my record was used: for patients, with a code from the hospital. No account, no cookie of who they are."""
