-- render: suspension.lua
if may_be_suspended then
  local reason = actionParams ~= nil and actionParams["reason"] or nil
  if reason == nil or reason == "" then
    reason = "suspended by Argo CD"
  end
  annotations["videofactory.dev/hold"] = reason
  obj.metadata.annotations = annotations
end
return obj
