//! What is in the bucket, in little memory: a record an object, whose key is put together again when it is needed.

use std::collections::HashMap;
use std::fmt::Write as _;

use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_pipeline::keys::{KINDS, KeyParts, TOMBSTONES};

use super::Tally;

/// A folder of ours, right under the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Folder {
    /// Files of one kind, whose keys say whose they are.
    Kind(ObjectKind),
    /// Backups of the objects in the cluster; they have a keeper of their own.
    Backups,
    /// Plans of prune runs; the last few are kept.
    Plans,
    /// What shows that films were made whose jobs are gone.
    Tombstones,
    /// People's own files.
    Assets,
}

impl Folder {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Kind(ObjectKind::Work),
        Self::Kind(ObjectKind::Clips),
        Self::Kind(ObjectKind::Videos),
        Self::Kind(ObjectKind::Thumbnails),
        Self::Kind(ObjectKind::Captions),
        Self::Kind(ObjectKind::Published),
        Self::Backups,
        Self::Plans,
        Self::Tombstones,
        Self::Assets,
    ];

    /// Its name, with the slash that ends it.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Kind(ObjectKind::Work) => "work/",
            Self::Kind(ObjectKind::Clips) => "clips/",
            Self::Kind(ObjectKind::Videos) => "videos/",
            Self::Kind(ObjectKind::Thumbnails) => "thumbnails/",
            Self::Kind(ObjectKind::Captions) => "captions/",
            Self::Kind(ObjectKind::Published) => "published/",
            Self::Backups => "backups/",
            Self::Plans => "plans/",
            Self::Tombstones => TOMBSTONES,
            Self::Assets => "assets/",
        }
    }
}

/// Number of an owner in its listing.
pub type OwnerIndex = u32;

/// The owner of what belongs to no job.
pub const NOBODY: OwnerIndex = OwnerIndex::MAX;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What its key ends with: after the run, or after the folder if it has no owner.
    pub tail: Box<str>,
    /// Bytes.
    pub size: u64,
    /// When it was last written, in seconds since 1970; `u32::MAX` if the server did not say: as young as can be.
    pub modified: u32,
    /// Whose it is, or [`NOBODY`].
    pub owner: OwnerIndex,
    /// Number of the run.
    pub run: u32,
    /// Where it lies.
    pub folder: Folder,
}

/// Whose files they are: a job that is there, or was.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// Namespace of the job.
    pub namespace: Box<str>,
    pub name: Box<str>,
    /// Its `status.id`.
    pub id: Box<str>,
}

/// The objects of our folders, in any order, each once.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    objects: Vec<Object>,
    owners: Vec<Owner>,
    numbers: HashMap<Owner, OwnerIndex>,
}

impl Listing {
    /// Takes in one object of a folder, by its key without the bucket's prefix.
    pub fn add(&mut self, folder: Folder, key: &str, size: u64, modified: u32) {
        let parts = match folder {
            Folder::Kind(_) => {
                KeyParts::of(key).and_then(|parts| Some((u32::try_from(parts.run).ok()?, parts)))
            }
            _ => None,
        };
        let (owner, run, tail) = match parts {
            Some((run, parts)) => (self.number(&parts), run, parts.file),
            None => (NOBODY, 0, key.strip_prefix(folder.prefix()).unwrap_or(key)),
        };
        self.objects.push(Object { tail: tail.into(), size, modified, owner, run, folder });
    }

    /// Keys come in order, so the owner of one is as a rule that of the one before.
    fn number(&mut self, parts: &KeyParts<'_>) -> OwnerIndex {
        let same = |owner: &Owner| {
            &*owner.name == parts.name && &*owner.id == parts.id && &*owner.namespace == parts.namespace
        };
        if let Some(last) = self.objects.last()
            && self.owners.get(last.owner as usize).is_some_and(same)
        {
            return last.owner;
        }
        let owner = Owner { namespace: parts.namespace.into(), name: parts.name.into(), id: parts.id.into() };
        self.intern(owner)
    }

    fn intern(&mut self, owner: Owner) -> OwnerIndex {
        if let Some(number) = self.numbers.get(&owner) {
            return *number;
        }
        let number = OwnerIndex::try_from(self.owners.len()).unwrap_or(NOBODY);
        self.owners.push(owner.clone());
        self.numbers.insert(owner, number);
        number
    }

    /// Takes in another listing, of other folders.
    pub fn absorb(&mut self, other: Self) {
        // The smaller one is moved: while it is, it is there twice.
        let (larger, other) = if self.objects.len() < other.objects.len() {
            (other, std::mem::take(self))
        } else {
            (std::mem::take(self), other)
        };
        *self = larger;
        let renamed: Vec<OwnerIndex> = other.owners.into_iter().map(|owner| self.intern(owner)).collect();
        self.objects.reserve_exact(other.objects.len());
        self.objects.extend(other.objects.into_iter().map(|mut object| {
            object.owner = renamed.get(object.owner as usize).copied().unwrap_or(NOBODY);
            object
        }));
    }

    /// Gives back memory that was set aside for more objects.
    pub fn shrink(&mut self) {
        self.objects.shrink_to_fit();
        self.numbers = HashMap::new();
    }

    /// All objects.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// All owners; an object names its own by number.
    #[must_use]
    pub fn owners(&self) -> &[Owner] {
        &self.owners
    }

    /// The owner of an object.
    #[must_use]
    pub fn owner(&self, object: &Object) -> Option<&Owner> {
        self.owners.get(object.owner as usize)
    }

    /// An object's key without the bucket's prefix.
    #[must_use]
    pub fn key(&self, object: &Object) -> String {
        let mut key = String::with_capacity(96);
        self.write_key(object, &mut key);
        key
    }

    /// Puts an object's key in the place of what `key` holds.
    pub fn write_key(&self, object: &Object, key: &mut String) {
        key.clear();
        key.push_str(object.folder.prefix());
        if let Some(owner) = self.owner(object) {
            for part in [&*owner.namespace, "/", &owner.name, "-", &owner.id, "/r"] {
                key.push_str(part);
            }
            // Writing to a String cannot fail.
            let _ = write!(key, "{}/", object.run);
        }
        key.push_str(&object.tail);
    }

    /// What all of it comes to, and what each kind does.
    #[must_use]
    pub fn sums(&self) -> (Tally, [(ObjectKind, Tally); 6]) {
        let mut total = Tally::default();
        let mut by_kind = KINDS.map(|kind| (kind, Tally::default()));
        for object in &self.objects {
            total.add(object.size);
            if let Folder::Kind(kind) = object.folder
                && let Some((_, tally)) = by_kind.iter_mut().find(|(other, _)| *other == kind)
            {
                tally.add(object.size);
            }
        }
        (total, by_kind)
    }
}

#[cfg(test)]
mod tests {
    use videofactory_pipeline::keys;

    use super::*;

    const CLIPS: Folder = Folder::Kind(ObjectKind::Clips);

    #[test]
    fn every_folder_is_named_as_its_keys_begin() {
        for folder in Folder::ALL {
            if let Folder::Kind(kind) = folder {
                assert_eq!(folder.prefix().trim_end_matches('/'), keys::folder(kind));
            }
        }
    }

    #[test]
    fn keys_come_out_as_they_went_in_also_after_absorbing() {
        let all = [
            (CLIPS, "clips/films/ocean-3f9c2a1e/r1/images/0123456789abcdef0123456789abcdef.png"),
            (CLIPS, "clips/films/ocean-3f9c2a1e/r12/images/0123456789abcdef0123456789abcdef.png"),
            (CLIPS, "clips/films/tide-00aa00aa/r1/voices/0123456789abcdef0123456789abcdef.wav"),
            (CLIPS, "clips/odd"),
            (Folder::Assets, "assets/logo.png"),
            (Folder::Plans, "plans/films/default/20261126T030000Z.jsonl.gz"),
            (Folder::Tombstones, "tombstones/films/tide/0123456789abcdef0123456789abcdef.json"),
        ];
        let (mut one, mut other) = (Listing::default(), Listing::default());
        other.add(
            Folder::Kind(ObjectKind::Work),
            "work/films/tide-00aa00aa/r1/outcomes/write-script-1.json",
            1,
            1,
        );
        for (folder, key) in all {
            one.add(folder, key, 1, 1);
        }
        other.absorb(one);
        other.shrink();
        let keys: Vec<String> = other.objects().iter().map(|object| other.key(object)).collect();
        // The smaller one was moved behind the larger.
        assert_eq!(keys[7], "work/films/tide-00aa00aa/r1/outcomes/write-script-1.json");
        assert_eq!(keys[..7], all.map(|(_, key)| key.to_owned()));
        assert_eq!(other.owners().len(), 2);
    }

    #[test]
    fn a_record_is_small() {
        assert!(size_of::<Object>() <= 48, "{} bytes", size_of::<Object>());
    }
}
