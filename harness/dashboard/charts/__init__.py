"""Charts as SVG, drawn by the server: they work without script, follow the page's colours and need no library."""
