//! What the parts of the controller do together.

mod clusters;
