if obj.metadata.annotations ~= nil then
  obj.metadata.annotations["videofactory.dev/hold"] = nil
end
if obj.spec.suspend then
  obj.spec.suspend = false
end
return obj
