-- render: review.lua
return answer("videofactory.dev/rejected")
