-- Answers what is under review, by this annotation.
local function answer(annotation)
  for _, step in ipairs(obj.status ~= nil and obj.status.steps or {}) do
    if step.reason == "AwaitingReview" and step.outputDigest ~= nil then
      obj.metadata.annotations = obj.metadata.annotations or {}
      obj.metadata.annotations[annotation] = step.name .. "@" .. step.outputDigest
      return obj
    end
  end
  error(obj.metadata.namespace .. "/" .. obj.metadata.name .. " has nothing under review", 0)
end
