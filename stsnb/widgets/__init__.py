"""The badge and the form. Imported only when one is shown in a notebook."""
