-- An action is there when the film would take the request: what each does says its action.lua.
-- render: suspension.lua
-- render: under_review.lua
local phase = status.phase or "Pending"
local reviewed, rejected = under_review(status) ~= nil, false
for _, step in ipairs(status.steps or {}) do
  rejected = rejected or step.reason == "Rejected"
end

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
    disabled = not may_be_suspended,
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
