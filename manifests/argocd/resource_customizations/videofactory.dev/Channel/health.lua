-- A Channel is data that VideoJobs read when they begin: nothing is done for it, and it has no status.
return {status = "Healthy", message = "VideoJobs read it when they begin"}
