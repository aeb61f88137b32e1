"""The views, by what they show. Each module has the addresses of its pages."""
