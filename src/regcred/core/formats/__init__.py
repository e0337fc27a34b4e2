"""Text as others write it: Go's JSON, YAML and URLs, streams cut into documents and lines."""
