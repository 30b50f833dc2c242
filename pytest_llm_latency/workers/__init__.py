"""Several processes that measure as one client: how they talk, meet, divide a load and put their parts together."""
