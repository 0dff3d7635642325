local os = require("os")
local annotations = obj.metadata.annotations or {}
annotations["videofactory.dev/restart-requested-at"] = os.date("!%Y-%m-%dT%XZ")
-- What was decided speaks of the run before, even where the new one makes the very same.
annotations["videofactory.dev/approved"] = nil
annotations["videofactory.dev/rejected"] = nil
obj.metadata.annotations = annotations
return obj
