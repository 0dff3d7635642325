local annotations = obj.metadata.annotations or {}
local status = obj.status or {}
local handled = status.handled or {}
local hold = annotations["videofactory.dev/hold"]
-- Whether it begins with `created together`, without the library for strings, which scripts do not have: such a hold ends
-- automatically, and a suspension replaces it.
local passes = hold ~= nil and hold >= "created together" and hold < "created togethes"

local function is_new(request, last)
  local asked = annotations["videofactory.dev/" .. request]
  return asked ~= nil and asked ~= last
end
-- Of what was asked to begin again, the phase may not say yet.
local has_ended = (status.phase == "Succeeded" or status.phase == "Failed")
  and status.observedGeneration == obj.metadata.generation
  and not is_new("retry-requested-at", handled.retry)
  and not is_new("restart-requested-at", handled.restart)
local may_be_suspended = not has_ended and (hold == nil or passes)
