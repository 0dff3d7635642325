-- What is under review: the result of a step, or a preview.
local function under_review(status)
  for _, step in ipairs(status.steps or {}) do
    if step.reason == "AwaitingReview" and step.outputDigest ~= nil then
      return step.name .. "@" .. step.outputDigest
    end
  end
  return (status.preview or {}).result
end
