-- Answers what is under review, by this annotation.
local function answer(annotation)
  local result = under_review(obj.status or {})
  if result == nil then
    error(obj.metadata.namespace .. "/" .. obj.metadata.name .. " has nothing under review", 0)
  end
  obj.metadata.annotations = obj.metadata.annotations or {}
  obj.metadata.annotations[annotation] = result
  return obj
end
