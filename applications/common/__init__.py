"""What the applications share: commands, keywords, result folders, figures and pages."""
