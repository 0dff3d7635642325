-- render: under_review.lua
-- render: review.lua
return answer("videofactory.dev/rejected")
