//! Not written yet.
/// x
pub struct Step;
/// x
pub struct Why;
