//! Why an object could not be restored, for whoever restores.

use crate::access::RequireError;
use crate::call::CallError;

/// An object that could not be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreItemError {
    /// A call did not succeed.
    #[error("{}{}", .0.for_people(), remedy(.0))]
    CallApiServer(#[from] CallError),
    /// The API server has dropped or changed a field.
    #[error(
        "the API server does not keep {field} as it stands in the backup: apply the definitions (manifests/crds) of the \
         release that wrote it, and restore again"
    )]
    KeepField {
        /// Path of the field, from the object's root.
        field: String,
    },
    /// It is not what this restore has planned any more.
    #[error(
        "somebody else has released it or created it again since this restore began, so it was not touched: restore \
         again, which looks at it again"
    )]
    KeepHold,
}

/// Why a restore did not begin: nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The API server could not be asked.
    #[error(transparent)]
    CallApiServer(#[from] CallError),
    /// Whoever restores may not do all of it.
    #[error("{refusal}, which this restore does: nothing was changed")]
    HoldRight {
        /// What is not allowed.
        refusal: String,
        /// What to ask for.
        hint: String,
    },
    /// The restore of another backup has not ended.
    #[error(
        "{item} is held for the restore of another backup, which has not ended: nothing was changed. Restore that backup \
         again, which continues it; or delete what it holds first"
    )]
    AwaitOtherBackup {
        /// An object that is so.
        item: String,
    },
}

impl From<RequireError> for RestoreError {
    fn from(error: RequireError) -> Self {
        match error {
            RequireError::CallApiServer(error) => error.into(),
            RequireError::HoldRight { refusal, hint } => {
                Self::HoldRight { refusal, hint: format!("{hint}, such as videofactory-restore") }
            }
        }
    }
}

/// Whoever restores is a person who lacks a binding; the operator's own role is not concerned.
fn remedy(error: &CallError) -> &'static str {
    if error.lacks_permission() {
        "; bind the ClusterRole videofactory-restore to whoever restores"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn who_may_not_restore_learns_which_role_is_missing() {
        let refused = |message: &str| {
            let status = Status::failure(message, "Forbidden").with_code(403);
            let call = CallError::of("update status of VideoJob a/b", kube::Error::Api(Box::new(status)));
            RestoreItemError::from(call).to_string()
        };
        let reported =
            refused("videojobs is forbidden: User \"u\" cannot update resource \"videojobs/status\"");
        assert!(
            reported.ends_with("bind the ClusterRole videofactory-restore to whoever restores"),
            "{reported}"
        );
        assert!(!reported.contains("this version of the operator"), "{reported}");
        let quota = refused("videojobs \"b\" is forbidden: exceeded quota: few");
        assert!(quota.ends_with("exceeded quota: few"), "{quota}");
    }
}
