local annotations = obj.metadata.annotations or {}
local status = obj.status or {}
local handled = status.handled or {}

local function is_new(request, last)
  local asked = annotations["videofactory.dev/" .. request]
  return asked ~= nil and asked ~= last
end

-- Of what was asked to begin again, the phase may not tell yet.
local has_ended = (status.phase == "Succeeded" or status.phase == "Failed")
  and status.observedGeneration == obj.metadata.generation
  and not is_new("retry-requested-at", handled.retry)
  and not is_new("restart-requested-at", handled.restart)
local hold = annotations["videofactory.dev/hold"]
-- Whether it begins with `created together`: as in discovery.lua.
local passes = hold ~= nil and hold >= "created together" and hold < "created togethes"
if not has_ended and (hold == nil or passes) then
  local reason = actionParams ~= nil and actionParams["reason"] or nil
  if reason == nil or reason == "" then
    reason = "suspended by Argo CD"
  end
  annotations["videofactory.dev/hold"] = reason
  obj.metadata.annotations = annotations
end
return obj
