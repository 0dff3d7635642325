-- An action is there when the film would take the request: what each does says its action.lua.
local annotations = obj.metadata.annotations or {}
local status = obj.status or {}
local handled = status.handled or {}
local phase = status.phase or "Pending"
local hold = annotations["videofactory.dev/hold"]
-- Whether it begins with `created together`, without the library for strings, which scripts do not have: such a hold ends
-- by itself, and a suspension replaces it.
local passes = hold ~= nil and hold >= "created together" and hold < "created togethes"

local reviewed, rejected = false, false
for _, step in ipairs(status.steps or {}) do
  reviewed = reviewed or (step.reason == "AwaitingReview" and step.outputDigest ~= nil)
  rejected = rejected or step.reason == "Rejected"
end

local function is_new(request, last)
  local asked = annotations["videofactory.dev/" .. request]
  return asked ~= nil and asked ~= last
end
local has_ended = (phase == "Succeeded" or phase == "Failed")
  and status.observedGeneration == obj.metadata.generation
  and not is_new("retry-requested-at", handled.retry)
  and not is_new("restart-requested-at", handled.restart)
local no_retry = {Succeeded = true, Suspended = true, Review = true, Failed = rejected}

return {
  retry = {
    disabled = no_retry[phase] == true,
    iconClass = "fa fa-fw fa-redo",
    displayName = "Retry (where its message asks whether to pay again, this is the yes)",
  },
  restart = {
    disabled = false,
    iconClass = "fa fa-fw fa-undo",
    displayName = "Restart (make, pay for and publish all of it again)",
  },
  suspend = {
    disabled = (hold ~= nil and not passes) or has_ended,
    iconClass = "fa fa-fw fa-pause-circle",
    displayName = "Suspend",
    params = {{name = "reason"}},
  },
  resume = {
    disabled = not (hold ~= nil or obj.spec.suspend == true),
    iconClass = "fa fa-fw fa-play-circle",
    displayName = "Resume",
  },
  approve = {
    disabled = not reviewed,
    iconClass = "fa fa-fw fa-check-circle",
    displayName = "Approve what is under review",
  },
  reject = {
    disabled = not reviewed,
    iconClass = "fa fa-fw fa-times-circle",
    displayName = "Reject what is under review",
  },
}
