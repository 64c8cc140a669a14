//! Rules broken on purpose.
//!
//! A [`Mutant`] is a port that breaks a rule, or a few that stand and fall together: it serves
//! waiters first in first out, or forgets to count a thread. Mutants answer two questions. Would
//! anybody notice, if this rule were not so? And, of a recording that no schedule explains: which
//! rules does that kernel break?
//!
//! ```
//! use iocp_model::{Kernel, Mutant};
//!
//! let kernel: Kernel = "windows-10-1607+,fifo-waiters".parse()?;
//! assert!(kernel.mutants.contains(Mutant::FifoWaiters));
//! assert_eq!(Mutant::FifoWaiters.rules()[0].id(), "WAIT-01");
//! # Ok::<(), iocp_model::mutant::UnknownKernel>(())
//! ```
//!
//! Where the code obeys a rule that can be broken, it asks [`System::is_broken`](crate::System),
//! as deep inside as it can: only where the mutant would go another way. An observer hears of each
//! such question ([`Observer::mutant`](crate::Observer::mutant)); a mutant of which it never heard
//! could not have changed anything. Some mutants are no more than another value of a switch that
//! profiles turn as well ([`Semantics::with`](crate::Semantics::with)).

use crate::{
    Profile, Semantics,
    profile::{HandOff, Limit, OnClose, WaiterOrder},
    rules::{self, RuleId},
};
use core::{fmt, str::FromStr};
use std::string::{String, ToString};

/// Makes the enumeration and its table.
macro_rules! mutants {
    ($( $mutant:ident $name:literal breaks [$($rule:ident),+ $(,)?] $says:literal
        $( unobservable $why:literal )? )*) => {
        /// A way to break rules. See the [module](self).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Mutant {
            $( #[doc = $says] $mutant, )*
        }

        /// What there is to say about each.
        const TABLE: &[Entry] = &[$( Entry {
            mutant: Mutant::$mutant,
            name: $name,
            rules: &[$( rules::$rule ),+],
            says: $says,
            unobservable: None $( .or(Some($why)) )?,
        } ),*];
    };
}

struct Entry {
    mutant: Mutant,
    name: &'static str,
    rules: &'static [RuleId],
    says: &'static str,
    unobservable: Option<&'static str>,
}

mutants! {
    // -------------------------------------------- the queue, its waiters and the active count
    NoLimit "no-limit" breaks [KQ_02, KQ_03, KQ_08, KQ_09, CONC_08, CONC_16, CONC_19]
        "The concurrency limit is taken and forgotten: every packet is granted at once."
    FifoWaiters "fifo-waiters" breaks [WAIT_01]
        "The waiter that blocked first is released first."
    NoHandOffOnBlock "no-handoff-on-block" breaks [CONC_03, CONC_17, KQ_14]
        "When a member blocks, its slot is free, but no waiter is released for it."
    GrantDoesNotCount "grant-does-not-count" breaks [CONC_05, CONC_06]
        "A waiter that was handed a packet does not count before it dequeues again."
    TimeoutUncounted "timeout-uncounted" breaks [CONC_20]
        "A dequeuer that timed out or was ended by an APC does not count before it dequeues again."

    // ------------------------------------------------- calls, handles, files and their results
    WakeAndRetry "wake-and-retry" breaks [KQ_02, WAIT_03]
        "A waiter is only told to look again; another thread may be quicker to take the packet."
    KeepWaitingOnClose "keep-waiting-on-close" breaks [CLOSE_05, GQ_09]
        "Closing the last handle of a port wakes nobody."
}

impl Mutant {
    /// All of them.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        TABLE.iter().map(|entry| entry.mutant)
    }

    /// How many there are.
    pub const COUNT: usize = TABLE.len();

    const fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }

    /// The name under which commands and files know it: `fifo-waiters`.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// The rules that it breaks.
    pub const fn rules(self) -> &'static [RuleId] {
        self.entry().rules
    }

    /// What a port does that breaks them, as a sentence.
    pub const fn says(self) -> &'static str {
        self.entry().says
    }

    /// Why nobody can tell by calls and their results, if nobody can.
    pub const fn unobservable(self) -> Option<&'static str> {
        self.entry().unobservable
    }

    /// The mutant of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::all().find(|mutant| mutant.name() == name)
    }
}

impl Semantics {
    /// These semantics, with the rules of a mutant broken.
    ///
    /// The same semantics as before, if they break those rules already.
    #[must_use]
    pub fn with(mut self, mutant: Mutant) -> Self {
        match mutant {
            Mutant::NoLimit => self.limit = Limit::Ignored,
            Mutant::FifoWaiters => self.waiter_order = WaiterOrder::Fifo,
            Mutant::WakeAndRetry => self.hand_off = HandOff::WakeAndRetry,
            Mutant::KeepWaitingOnClose => self.on_close = OnClose::KeepWaiting,
            mutant => self.mutants.insert(mutant),
        }
        self
    }
}

/// A set of mutants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mutants([u64; WORDS]);

const WORDS: usize = Mutant::COUNT.div_ceil(64);

impl Mutants {
    /// None: all rules hold.
    pub const NONE: Self = Self([0; WORDS]);

    /// Is this one among them?
    #[inline]
    pub const fn contains(&self, mutant: Mutant) -> bool {
        self.0[mutant as usize / 64] >> (mutant as usize % 64) & 1 == 1
    }

    /// Adds one.
    #[inline]
    pub const fn insert(&mut self, mutant: Mutant) {
        self.0[mutant as usize / 64] |= 1 << (mutant as usize % 64);
    }

    /// Those of the set, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Mutant> + Clone {
        Mutant::all().filter(move |&mutant| self.contains(mutant))
    }

    /// How many.
    pub const fn len(&self) -> usize {
        let (mut count, mut word) = (0, 0);
        while word < WORDS {
            count += self.0[word].count_ones() as usize;
            word += 1;
        }
        count
    }

    /// Those that are in one of the two sets, or in both.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(these, those)| *these |= those);
        self
    }

    /// Those that are in one of the two sets and not in the other.
    #[must_use]
    pub fn difference(mut self, other: Self) -> Self {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(these, those)| *these ^= those);
        self
    }

    /// Is one in both sets?
    pub fn intersects(&self, other: Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .any(|(these, those)| these & those != 0)
    }

    /// Are all of these in `other`?
    pub fn is_subset(&self, other: Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .all(|(these, those)| these & !those == 0)
    }

    /// Is it none?
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<Mutant> for Mutants {
    fn from_iter<I: IntoIterator<Item = Mutant>>(mutants: I) -> Self {
        let mut set = Self::NONE;
        mutants.into_iter().for_each(|mutant| set.insert(mutant));
        set
    }
}

impl fmt::Debug for Mutants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Mutants {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Mutant::name))
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Mutants {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = std::vec::Vec::<String>::deserialize(deserializer)?;
        let find = |name: &String| {
            Mutant::find(name)
                .ok_or_else(|| serde::de::Error::custom(std::format!("no mutant \"{name}\"")))
        };
        names.iter().map(find).collect()
    }
}

/// A kernel that the model can be: a profile, with some of its rules broken or none.
///
/// Written `windows-10-1607+` or, with rules broken, `windows-10-1607+,no-limit,fifo-waiters`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kernel {
    /// The profile.
    pub profile: Profile,
    /// What of it is broken.
    pub mutants: Mutants,
}

impl Kernel {
    /// How it behaves.
    pub fn semantics(&self) -> Semantics {
        self.mutants
            .iter()
            .fold(self.profile.semantics, Semantics::with)
    }
}

impl From<Profile> for Kernel {
    fn from(profile: Profile) -> Self {
        let mutants = Mutants::NONE;
        Self { profile, mutants }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.profile.name)?;
        self.mutants
            .iter()
            .try_for_each(|mutant| write!(f, ",{}", mutant.name()))
    }
}

impl FromStr for Kernel {
    type Err = UnknownKernel;

    fn from_str(text: &str) -> Result<Self, UnknownKernel> {
        let mut names = text.split(',');
        let name = names.next().unwrap_or_default();
        let profile =
            Profile::find(name).ok_or_else(|| UnknownKernel::Profile(name.to_string()))?;
        let find =
            |name: &str| Mutant::find(name).ok_or_else(|| UnknownKernel::Mutant(name.to_string()));
        let mutants = names.map(find).collect::<Result<_, _>>()?;
        Ok(Self { profile, mutants })
    }
}

/// A text that names no [`Kernel`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UnknownKernel {
    /// There is no profile of this name.
    Profile(String),
    /// There is no mutant of this name.
    Mutant(String),
}

impl fmt::Display for UnknownKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Profile(name) => write!(f, "there is no profile \"{name}\""),
            Self::Mutant(name) => write!(f, "there is no mutant \"{name}\""),
        }
    }
}

impl core::error::Error for UnknownKernel {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, vec::Vec};

    #[test]
    fn the_table_is_in_the_order_of_the_enumeration() {
        for (index, mutant) in Mutant::all().enumerate() {
            assert_eq!(mutant as usize, index);
            assert_eq!(Mutant::find(mutant.name()), Some(mutant));
        }
    }

    #[test]
    fn names_are_kebab_case_and_unique() {
        let names: BTreeSet<_> = Mutant::all().map(Mutant::name).collect();
        assert_eq!(names.len(), Mutant::COUNT);
        let proper = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(names.iter().all(|name| name.chars().all(proper)));
    }

    #[test]
    fn each_breaks_rules_in_scope_and_says_so_in_a_sentence() {
        for mutant in Mutant::all() {
            assert!(mutant.says().ends_with('.'), "{mutant:?}");
            for rule in mutant.rules() {
                assert!(rule.rule().in_scope(), "{mutant:?}: {rule}");
            }
        }
    }

    #[test]
    fn each_changes_the_newest_windows() {
        for mutant in Mutant::all() {
            assert_ne!(
                Semantics::WINDOWS.with(mutant),
                Semantics::WINDOWS,
                "{mutant:?}"
            );
        }
    }

    #[test]
    fn a_kernel_is_written_as_it_is_read() {
        let text = "wine-8,no-limit,fifo-waiters";
        let kernel: Kernel = text.parse().expect("a profile and two mutants");
        assert_eq!(kernel.to_string(), text);
        assert_eq!(
            kernel.mutants.iter().collect::<Vec<_>>().len(),
            kernel.mutants.len()
        );
        let unknown = |text: &str| text.parse::<Kernel>().expect_err("unknown").to_string();
        assert_eq!(unknown("os/2"), "there is no profile \"os/2\"");
        assert_eq!(unknown("wine-8,"), "there is no mutant \"\"");
    }
}
