"""The hard set: notes and tables by which redactor and classifier are judged; see README.md."""
