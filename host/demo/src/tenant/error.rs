//! Why an edit was refused.

/// An edit that the directory doesn't take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Nobody and nothing is called so.
    #[error("there is no {0}")]
    NotFound(String),
    /// Somebody else has the value.
    #[error("{value} is the {property} of somebody else")]
    Taken {
        /// Which property has to be distinct.
        property: &'static str,
        /// The value that isn't.
        value: String,
    },
    /// A user principal name whose domain the organisation hasn't verified.
    #[error("the domain of {0} isn't verified")]
    UnverifiedDomain(String),
    /// What every object of the kind needs.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A value that the property can't have.
    #[error("{property} can't be {value}")]
    Invalid {
        /// Which property.
        property: String,
        /// What it should have become.
        value: String,
    },
    /// Only what was deleted less than 30 days ago can be restored, and no security group or distribution list.
    #[error("{0} isn't among the deleted items")]
    NotDeleted(String),
    /// The membership is there already.
    #[error("{member} is in {group} already")]
    AlreadyMember {
        /// The group.
        group: String,
        /// The member.
        member: String,
    },
    /// The membership isn't there.
    #[error("{member} isn't in {group}")]
    NotMember {
        /// The group.
        group: String,
        /// The member.
        member: String,
    },
    /// Microsoft 365 groups hold users alone.
    #[error("{0} can't hold a group")]
    NoNesting(String),
    /// All units of the licence are taken.
    #[error("no unit of {0} is left")]
    NoUnitLeft(String),
}
