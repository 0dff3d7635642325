-- render: review.lua
return answer("videofactory.dev/approved")
