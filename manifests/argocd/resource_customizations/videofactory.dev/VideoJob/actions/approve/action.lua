local output
for _, step in ipairs(obj.status ~= nil and obj.status.steps or {}) do
  if step.reason == "AwaitingReview" and step.outputDigest ~= nil then
    output = step.name .. "@" .. step.outputDigest
    break
  end
end
if output == nil then
  error(obj.metadata.namespace .. "/" .. obj.metadata.name .. " has nothing under review", 0)
end

obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["videofactory.dev/approved"] = output
return obj
