"""What `GET /` says about the service: the line to edit when trying out hot reload."""

TITLE = "Gold prices by day and currency"
