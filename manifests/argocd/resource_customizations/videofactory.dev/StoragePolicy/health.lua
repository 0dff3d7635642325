-- The conditions alone decide; reasons are for people.
local health = {status = "Progressing", message = "the operator has not looked at it yet"}
local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end

local is = {}
for _, condition in ipairs(status.conditions) do
  is[condition.type] = condition.status
  if condition.type == "Ready" then
    health.message = condition.message
  elseif condition.type == "WithinLimit" and condition.status == "False" then
    -- It can be used all the same: films that have begun are finished. Ready comes first in the list.
    health.message = health.message .. "; " .. condition.message
  end
end

if is.Stalled == "True" then
  health.status = "Degraded"
elseif is.Ready == "True" then
  health.status = "Healthy"
end
return health
