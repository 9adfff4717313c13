namespace calofuse {}
