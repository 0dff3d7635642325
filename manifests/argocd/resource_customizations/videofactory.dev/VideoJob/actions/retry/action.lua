local os = require("os")
local film = obj.metadata.namespace .. "/" .. obj.metadata.name
local status = obj.status or {}
local refusals = {
  Succeeded = film .. " has succeeded, so there is nothing to retry; to make the film again, ask for a restart",
  Suspended = film .. " is suspended; to continue it, ask for a resume",
  Review = film .. " waits for a review; approve or reject what it has made",
}
local refusal = refusals[status.phase]
if status.phase == "Failed" then
  for _, step in ipairs(status.steps or {}) do
    if step.reason == "Rejected" then
      refusal = film .. " was rejected, which no retry undoes; change it, or ask for a restart to make it again"
    end
  end
end
if refusal ~= nil then
  error(refusal, 0)
end

obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["videofactory.dev/retry-requested-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
