//! A system that is changed action by action, and checked after each in every way that we know.

use iocp_model::{
    Action, Event, Mutant, NotEnabled, Observer, Outcome, System, invariants::Audit, rules::RuleId,
};
use std::collections::HashMap;

/// A system, and what is remembered of it to check the next step.
///
/// After each action:
/// - `check` has said whether `apply` does it, and what is refused changes nothing;
/// - all invariants hold, and every packet is accounted for;
/// - `clone_from` copies what `clone` does;
/// - of all the states so far, two have the same encoding if and only if they are equal;
/// - all that is listed as enabled is.
#[derive(Debug)]
pub struct Checked {
    system: System,
    /// `None` where rules are broken, and with them invariants.
    audit: Option<Audit>,
    copy: System,
    states_by_bytes: HashMap<Vec<u8>, System>,
    bytes_by_state: HashMap<System, Vec<u8>>,
}

impl Checked {
    /// From the beginning: nothing has happened to the system yet.
    pub fn new(system: System) -> Self {
        Self {
            copy: system.clone(),
            system,
            audit: Some(Audit::new()),
            states_by_bytes: HashMap::new(),
            bytes_by_state: HashMap::new(),
        }
    }

    /// The same, for a system with broken rules, which need not keep the invariants.
    pub fn without_invariants(system: System) -> Self {
        Self {
            audit: None,
            ..Self::new(system)
        }
    }

    /// The system now.
    pub fn system(&self) -> &System {
        &self.system
    }

    /// Applies one action, and checks. `also` is told what happens.
    ///
    /// # Errors
    /// If the action is not enabled.
    ///
    /// # Panics
    /// If anything is wrong.
    pub fn apply(
        &mut self,
        action: Action,
        also: &mut impl Observer,
    ) -> Result<Outcome, NotEnabled> {
        let before = self.system.clone();
        let possible = self.system.check(&action);
        let observer = &mut Both(self.audit.as_mut(), also);
        let done = self.system.apply(action, observer);
        assert_eq!(
            done.as_ref().err(),
            possible.as_ref().err(),
            "{action:?}: `check` and `apply` do not agree"
        );
        if done.is_err() {
            assert_eq!(
                self.system, before,
                "{action:?} was refused and changed something"
            );
            return done;
        }
        if let Some(audit) = &mut self.audit
            && let Err(violation) = audit.check(&self.system)
        {
            panic!("{action:?}: {violation}");
        }
        self.copy.clone_from(&self.system);
        assert_eq!(self.copy, self.system, "{action:?}: `clone_from`");
        self.encode(action);
        for enabled in self.system.enabled() {
            assert_eq!(
                self.system.check(&enabled),
                Ok(()),
                "after {action:?}, {enabled:?} is listed as enabled"
            );
        }
        done
    }

    fn encode(&mut self, action: Action) {
        let mut bytes = Vec::new();
        self.system.encode(&mut bytes);
        let known = self
            .states_by_bytes
            .entry(bytes.clone())
            .or_insert_with(|| self.system.clone());
        assert_eq!(
            *known, self.system,
            "{action:?}: two states have the same encoding"
        );
        let known = self
            .bytes_by_state
            .entry(self.system.clone())
            .or_insert_with(|| bytes.clone());
        assert_eq!(*known, bytes, "{action:?}: one state has two encodings");
    }
}

struct Both<'a, O>(Option<&'a mut Audit>, &'a mut O);

impl<O: Observer> Observer for Both<'_, O> {
    fn event(&mut self, event: Event) {
        if let Some(audit) = &mut self.0 {
            audit.event(event);
        }
        self.1.event(event);
    }

    fn rule(&mut self, rule: RuleId) {
        if let Some(audit) = &mut self.0 {
            audit.rule(rule);
        }
        self.1.rule(rule);
    }

    fn mutant(&mut self, mutant: Mutant) {
        self.1.mutant(mutant);
    }
}
