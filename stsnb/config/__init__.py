"""The configuration: settings, aliases of roles, and the suggestions for completion and the form."""
