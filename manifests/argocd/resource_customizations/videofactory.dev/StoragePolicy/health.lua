-- What ends without anybody's doing.
local passes = {StorageFull = true, StorageUnavailable = true}

local health = {status = "Progressing", message = "the operator has not looked at it yet"}
local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end

for _, condition in ipairs(status.conditions) do
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = "Healthy"
    elseif condition.status == "False" and not passes[condition.reason] then
      health.status = "Degraded"
    end
  elseif condition.type == "WithinLimit" and condition.status == "False" then
    -- It can be used all the same: films that have begun are finished. Ready comes first in the list.
    health.message = health.message .. "; " .. condition.message
  end
end
return health
