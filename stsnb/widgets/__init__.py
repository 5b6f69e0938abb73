"""The widgets: the badge and the form. Nothing here is imported before something is shown in a notebook."""
