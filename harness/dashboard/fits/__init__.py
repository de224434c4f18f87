"""What runs in the processes that hold fits: torch is imported here, and never by the server."""
