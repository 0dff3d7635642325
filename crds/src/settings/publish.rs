//! Where the finished film goes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use crate::object_refs::LocalRef;
use crate::provideraccount::Provider;

/// Where the finished film goes.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Publish {
    /// The places to publish to, each once a run; at most 10.
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub targets: Option<Vec<PublishTarget>>,
}

/// One place to publish to.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.type == 'Bucket' || has(self.accountRef)").message(
        "a target of type YouTube or Webhook needs accountRef, the ProviderAccount to publish with"
    ),
    validation = Rule::new("self.type != 'Bucket' || !has(self.accountRef)").message(
        "a target of type Bucket takes no accountRef: it uses the job's StoragePolicy"
    ),
    validation = Rule::new(
        "!has(self.publishAt) || !has(self.visibility) || self.visibility == 'Private'"
    ).message("publishAt needs visibility Private: the film becomes public at that time"),
    validation = Rule::new(
        "self.type != 'YouTube' || !has(self.title) || self.title.contains('{{') || self.title.size() <= 100"
    ).message("a title on YouTube has at most 100 characters"),
    validation = Rule::new(
        "self.type != 'YouTube' || !has(self.title) || self.title == '' || self.title.matches('[^ \\t\\r\\n]')"
    ).message("a title on YouTube is more than spaces"),
    validation = Rule::new("!has(self.publishAt) || self.type == 'YouTube'").message(
        "publishAt is for targets of type YouTube only"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct PublishTarget {
    /// Name of this target within the job: lower-case letters, digits and dashes, at most 32.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message(
        "a target's name is a short name: lower-case letters, digits and dashes"
    ))]
    pub name: String,

    /// YouTube (an upload), Webhook (a signed call with a link to the film) or Bucket (film and metadata under
    /// published/ in the job's bucket).
    #[serde(rename = "type")]
    pub type_: TargetType,

    /// The ProviderAccount to publish with; for a Webhook its Secret holds the URL, and signingKey, which
    /// signs. Not for type Bucket.
    pub account_ref: Option<LocalRef>,

    /// Title; {{title}}, {{topic}} and {{name}} are filled in. On YouTube at most 100 characters; what is filled in is
    /// cut to that. Built-in: "{{title}}", as the script has it.
    #[schemars(length(max = 200))]
    pub title: Option<String>,

    /// Description; {{title}}, {{topic}}, {{name}} and {{description}} are filled in. Built-in: "", as the
    /// script has it.
    #[schemars(length(max = 5000))]
    pub description: Option<String>,

    /// Tags, added to the Channel's defaultTags and the script's. Built-in: none.
    #[schemars(length(max = 60), inner(length(min = 1, max = 100)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tags: Option<Vec<String>>,

    /// Who may see the film: Private, Unlisted or Public. Built-in: Private.
    pub visibility: Option<Visibility>,

    /// When YouTube makes the film public, in RFC 3339: for example 2026-12-24T18:00:00Z. Needs visibility
    /// Private.
    pub publish_at: Option<Time>,

    /// What to do when the film is finished after publishAt: PublishNow or KeepPrivate. Built-in: PublishNow.
    pub on_missed_slot: Option<MissedSlot>,

    /// Whether the film is made for children, as YouTube asks. Built-in: false.
    pub made_for_kids: Option<bool>,

    /// Whether to declare that the film holds synthetic media, as YouTube asks. Built-in: true.
    pub synthetic_media: Option<bool>,

    /// Id of the YouTube playlist to add the film to. Built-in: "", none.
    #[schemars(length(max = 100))]
    pub playlist: Option<String>,
}

/// Kind of place to publish to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum TargetType {
    /// An upload to a YouTube channel.
    YouTube,
    /// A signed call with a link to the film.
    Webhook,
    /// Film and metadata under `published/` in the job's bucket.
    Bucket,
}

impl TargetType {
    /// Whose account it takes; none: it takes no account.
    #[must_use]
    pub const fn provider(self) -> Option<Provider> {
        match self {
            Self::YouTube => Some(Provider::YouTube),
            Self::Webhook => Some(Provider::Webhook),
            Self::Bucket => None,
        }
    }
}

/// Who may see the film.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum Visibility {
    /// Only the owner.
    Private,
    /// Whoever has the link.
    Unlisted,
    /// Everybody.
    Public,
}

/// What to do when the film is finished after its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum MissedSlot {
    /// Make it public at once.
    PublishNow,
    /// Leave it private for a person to decide.
    KeepPrivate,
}
