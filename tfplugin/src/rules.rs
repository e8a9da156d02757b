//! The words in which an attribute is declared.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::ops::RangeBounds;
use std::sync::Arc;

use regex_lite::Regex;

use crate::schema::{Attribute, ErasedRules, Mode};
use crate::{Attr, Diagnostic, Diagnostics, Field, Path, Set, Value};

/// The declaration of one attribute that holds a `T`.
///
/// [`crate::model!`] takes one for each field, starting with `required()`,
/// `optional()`, `computed()` or `optional_computed()`.
#[derive(Debug)]
pub struct Rules<T> {
    mode: Mode,
    sensitive: bool,
    write_only: bool,
    deprecation: Option<String>,
    default: Option<Value>,
    erased: ErasedRules,
    holds: std::marker::PhantomData<fn() -> T>,
}

impl<T: Field + 'static> Rules<T> {
    /// The declaration of an attribute set by whom `mode` says.
    pub fn new(mode: Mode) -> Rules<T> {
        Rules {
            mode,
            sensitive: false,
            write_only: false,
            deprecation: None,
            default: None,
            erased: ErasedRules::default(),
            holds: std::marker::PhantomData,
        }
    }

    /// Hides the value in plans. It still reaches the state file.
    pub fn sensitive(self) -> Rules<T> {
        Rules { sensitive: true, ..self }
    }

    /// Only written: the provider reads it from `config`, no plan and no state
    /// ever has it, and it may come from an ephemeral resource. Terraform does
    /// not see that it changed, so declare a number beside it that the user
    /// raises with it. Refused under Terraform before 1.11.
    pub fn write_only(self) -> Rules<T> {
        Rules { write_only: true, ..self }
    }

    /// Warns whoever sets it; `instead` says what to use.
    pub fn deprecated(self, instead: impl Into<String>) -> Rules<T> {
        Rules { deprecation: Some(instead.into()), ..self }
    }

    /// The value where the user sets none. The attribute becomes computed for
    /// Terraform too, because otherwise the provider may not fill it in; but
    /// not in a provider block, of which Terraform keeps nothing.
    pub fn default(self, value: impl Into<T>) -> Rules<T> {
        Rules { mode: Mode::OptionalComputed, default: Some(value.into().encode()), ..self }
    }

    /// Refuses values for which `check` gives a reason, a sentence that starts
    /// with "must" and completes "`name` …". Skipped while null or unknown. The
    /// reason is shown as it is: leave the value out of it where the attribute
    /// is sensitive or only written.
    pub fn validate(self, check: impl Fn(&T) -> Result<(), String> + Send + Sync + 'static) -> Rules<T> {
        self.validate_deep(move |value, path| match check(value) {
            Ok(()) => Diagnostics::new(),
            Err(reason) => refusal(path, &reason),
        })
    }

    /// Like [`Rules::validate`], for checks whose reason goes on with the value:
    /// it does not where the schema hides the attribute or what is around it.
    fn validate_shown(self, check: impl Fn(&T) -> Result<(), Refused> + Send + Sync + 'static) -> Rules<T> {
        self.check(move |value, path, hidden| match check(value) {
            Ok(()) => Diagnostics::new(),
            Err(Refused { reason, .. }) if hidden => refusal(path, &reason),
            Err(Refused { reason, value }) => refusal(path, &format!("{reason}, but is {value}")),
        })
    }

    /// Like [`Rules::validate`], for checks that place messages below the attribute themselves.
    pub fn validate_deep(self, check: impl Fn(&T, &Path) -> Diagnostics + Send + Sync + 'static) -> Rules<T> {
        self.check(move |value, path, _| check(value, path))
    }

    fn check(mut self, check: impl Fn(&T, &Path, bool) -> Diagnostics + Send + Sync + 'static) -> Rules<T> {
        self.erased.checks.push(Arc::new(move |value, path, hidden| match T::decode(value.clone(), path) {
            Ok(value) => check(&value, path, hidden),
            // What does not decode is reported once, by the framework.
            Err(_) => Diagnostics::new(),
        }));
        self
    }

    /// Refuses the attribute beside any of these attributes of the same object.
    pub fn conflicts_with(self, others: &[&str]) -> Rules<T> {
        self.among(others, |siblings| {
            let name = siblings.name;
            let other = siblings.others.iter().find(|other| siblings.is_set(other) == Some(true))?;
            (siblings.is_set(name) == Some(true))
                .then(|| format!("{name} and {other} cannot be set together. Remove one of them."))
        })
    }

    /// Refuses the attribute without all of these attributes of the same object.
    pub fn requires(self, others: &[&str]) -> Rules<T> {
        self.among(others, |siblings| {
            let name = siblings.name;
            let other = siblings.others.iter().find(|other| siblings.is_set(other) == Some(false))?;
            (siblings.is_set(name) == Some(true))
                .then(|| format!("{name} has no meaning without {other}. Set {other} too, or remove {name}."))
        })
    }

    /// Refuses an object in which neither this nor any of these attributes is set.
    pub fn at_least_one_of(self, others: &[&str]) -> Rules<T> {
        self.among(others, |siblings| {
            let all = || std::iter::once(siblings.name).chain(siblings.others.iter().map(String::as_str));
            all()
                .all(|name| siblings.is_set(name) == Some(false))
                .then(|| format!("One of {} must be set, and none is.", all().collect::<Vec<_>>().join(", ")))
        })
    }

    /// Refuses an object in which not exactly one of this and these attributes is set.
    pub fn exactly_one_of(self, others: &[&str]) -> Rules<T> {
        // Two of the others exclude each other as well, and none of them has this rule.
        self.at_least_one_of(others).among(others, |siblings| {
            let all = std::iter::once(siblings.name).chain(siblings.others.iter().map(String::as_str));
            let mut set = all.filter(|name| siblings.is_set(name) == Some(true));
            let (one, other) = (set.next()?, set.next()?);
            Some(format!("{one} and {other} cannot be set together. Remove one of them."))
        })
    }

    /// A change needs a new resource. Within elements of a set, which have no
    /// place at which they change, any new or lost value does.
    pub fn requires_replace(mut self) -> Rules<T> {
        self.erased.replaces = Some(Arc::new(|_, _| true));
        self
    }

    /// A change from the first to the second value needs a new resource where `needs` says so.
    pub fn requires_replace_if(
        mut self,
        needs: impl Fn(&Attr<T>, &Attr<T>) -> bool + Send + Sync + 'static,
    ) -> Rules<T> {
        self.erased.replaces = Some(Arc::new(move |prior, planned| {
            let root = Path::root();
            match (Attr::decode(prior.clone(), &root), Attr::decode(planned.clone(), &root)) {
                (Ok(prior), Ok(planned)) => needs(&prior, &planned),
                _ => true,
            }
        }));
        self
    }

    /// Once computed it stays: an update plans the prior value instead of unknown.
    pub fn use_state_for_unknown(mut self) -> Rules<T> {
        self.erased.keeps = true;
        self
    }

    /// Two values are spellings of the same where `same` says so: the prior
    /// spelling is kept, in plans and when the resource is read.
    pub fn same_if(mut self, same: impl Fn(&T, &T) -> bool + Send + Sync + 'static) -> Rules<T> {
        self.erased.same = Some(Arc::new(move |old, new| {
            let root = Path::root();
            match (T::decode(old.clone(), &root), T::decode(new.clone(), &root)) {
                (Ok(old), Ok(new)) => same(&old, &new),
                _ => false,
            }
        }));
        self
    }

    /// The attribute that this declares. Called by [`crate::model!`].
    pub fn into_attribute(mut self, name: &str, description: &str) -> Attribute {
        let kind = T::kind();
        if kind.has_plain_objects() {
            self.erased.problems.extend(T::problems());
        }
        Attribute {
            name: name.to_owned(),
            description: description.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned(),
            kind,
            mode: self.mode,
            sensitive: self.sensitive,
            write_only: self.write_only,
            deprecation: self.deprecation,
            default: self.default,
            rules: ErasedRules { respell: T::HAS_SPELLINGS.then_some(T::respell), ..self.erased },
        }
    }

    /// Adds a rule about this and other attributes of the same object, which says why it is broken.
    fn among(
        mut self,
        others: &[&str],
        broken: impl Fn(&Siblings<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Rules<T> {
        let others: Vec<String> = others.iter().map(|&other| other.to_owned()).collect();
        self.erased.siblings.extend_from_slice(&others);
        self.erased.sibling_checks.push(Arc::new(move |object, path, name| {
            let detail = broken(&Siblings { name, others: &others, object });
            let error =
                |detail| Diagnostic::error("Invalid combination of attributes", detail).at(path.clone());
            detail.map(error).into_iter().collect()
        }));
        self
    }
}

/// A value that breaks a rule, as a message shows both.
struct Refused {
    reason: String,
    value: String,
}

/// The attributes of one object that a rule is about.
struct Siblings<'a> {
    /// The attribute that has the rule.
    name: &'a str,
    others: &'a [String],
    object: &'a BTreeMap<String, Value>,
}

impl Siblings<'_> {
    /// Whether an attribute is set; nothing while that is unknown.
    fn is_set(&self, name: &str) -> Option<bool> {
        match self.object.get(name) {
            None | Some(Value::Null) => Some(false),
            Some(Value::Unknown) => None,
            Some(_) => Some(true),
        }
    }
}

impl<T: Field + Display + PartialEq + 'static> Rules<T> {
    /// Refuses all but these values.
    pub fn one_of<V: Into<T>>(self, accepted: impl IntoIterator<Item = V>) -> Rules<T>
    where
        T: Send + Sync,
    {
        let accepted: Vec<T> = accepted.into_iter().map(Into::into).collect();
        self.validate_shown(move |value| {
            if accepted.contains(value) {
                return Ok(());
            }
            let accepted: Vec<String> = accepted.iter().map(|one| format!("\"{one}\"")).collect();
            let reason = format!("must be one of {}", accepted.join(", "));
            Err(Refused { reason, value: format!("\"{value}\"") })
        })
    }
}

impl<T: Field + Display + PartialOrd + 'static> Rules<T> {
    /// Refuses numbers outside of `range`.
    pub fn range(self, range: impl RangeBounds<T> + Send + Sync + 'static) -> Rules<T> {
        self.validate_shown(move |value| {
            if range.contains(value) {
                Ok(())
            } else {
                let reason = format!("must be {}", in_words(&range));
                Err(Refused { reason, value: value.to_string() })
            }
        })
    }
}

impl<T: Field + AsRef<str> + 'static> Rules<T> {
    /// Refuses text in which `pattern` is not found; anchor it with `^` and `$`
    /// to match the whole. The `reason` starts with "must" and says in words
    /// what the pattern does not.
    ///
    /// The syntax is that of the crate `regex-lite`. A pattern that is none is
    /// reported as a bug of the provider in debug builds and tests.
    pub fn matches(mut self, pattern: &str, reason: impl Into<String>) -> Rules<T> {
        match Regex::new(pattern) {
            Ok(pattern) => {
                let reason = reason.into();
                self.validate_shown(move |value| {
                    let text = value.as_ref();
                    if pattern.is_match(text) {
                        Ok(())
                    } else {
                        Err(Refused { reason: reason.clone(), value: format!("{text:?}") })
                    }
                })
            }
            Err(error) => {
                self.erased.problems.push(format!("has a pattern that is none: {error}"));
                self
            }
        }
    }
}

impl<T: Field + Elements + 'static> Rules<T> {
    /// Refuses elements for which `check` gives a reason, as [`Rules::validate`] does for the whole.
    pub fn each(self, check: impl Fn(&T::Element) -> Result<(), String> + Send + Sync + 'static) -> Rules<T> {
        self.validate_deep(move |value, path| {
            let mut diagnostics = Diagnostics::new();
            value.each(path, &mut |path, element| {
                if let Err(reason) = check(element) {
                    diagnostics.extend(refusal(path, &reason));
                }
            });
            diagnostics
        })
    }
}

impl<T: Field + Measured + 'static> Rules<T> {
    /// Refuses text or collections whose length is outside of `range`.
    pub fn length(self, range: impl RangeBounds<usize> + Send + Sync + 'static) -> Rules<T> {
        self.validate(move |value| {
            let length = value.length();
            if range.contains(&length) {
                Ok(())
            } else {
                Err(format!("must have a length {}, but has {length} {}", in_words(&range), T::UNIT))
            }
        })
    }
}

/// A range as people say it, for whom `1..=9` is a riddle.
fn in_words<T: Display>(range: &impl RangeBounds<T>) -> String {
    match (range.start_bound(), range.end_bound()) {
        (Included(least), Included(most)) => format!("from {least} to {most}"),
        (Included(least), Excluded(above)) => format!("from {least} to below {above}"),
        (Included(least), Unbounded) => format!("from {least} up"),
        (Excluded(below), Included(most)) => format!("above {below} and up to {most}"),
        (Excluded(below), Excluded(above)) => format!("above {below} and below {above}"),
        (Excluded(below), Unbounded) => format!("above {below}"),
        (Unbounded, Included(most)) => format!("up to {most}"),
        (Unbounded, Excluded(above)) => format!("below {above}"),
        (Unbounded, Unbounded) => "of any size".to_owned(),
    }
}

/// What has elements.
pub trait Elements {
    /// One of them.
    type Element;

    /// Visits each that is known, with its path.
    fn each(&self, path: &Path, visit: &mut dyn FnMut(&Path, &Self::Element));
}

impl<T> Elements for Vec<Attr<T>> {
    type Element = T;

    fn each(&self, path: &Path, visit: &mut dyn FnMut(&Path, &T)) {
        for (index, element) in self.iter().enumerate() {
            if let Attr::Known(element) = element {
                visit(&path.index(index), element);
            }
        }
    }
}

impl<T> Elements for Set<T> {
    type Element = T;

    /// Elements of a set have no path of their own.
    fn each(&self, path: &Path, visit: &mut dyn FnMut(&Path, &T)) {
        self.0.iter().filter_map(Attr::known).for_each(|element| visit(path, element));
    }
}

impl<T> Elements for BTreeMap<String, Attr<T>> {
    type Element = T;

    fn each(&self, path: &Path, visit: &mut dyn FnMut(&Path, &T)) {
        for (key, element) in self {
            if let Attr::Known(element) = element {
                visit(&path.key(key), element);
            }
        }
    }
}

/// What has a length.
pub trait Measured {
    /// What the length counts.
    const UNIT: &'static str;

    /// How many there are.
    fn length(&self) -> usize;
}

impl Measured for String {
    const UNIT: &'static str = "characters";

    fn length(&self) -> usize {
        self.chars().count()
    }
}

impl<T> Measured for Vec<Attr<T>> {
    const UNIT: &'static str = "elements";

    fn length(&self) -> usize {
        self.len()
    }
}

impl<T> Measured for Set<T> {
    const UNIT: &'static str = "elements";

    fn length(&self) -> usize {
        self.0.len()
    }
}

impl<T> Measured for BTreeMap<String, Attr<T>> {
    const UNIT: &'static str = "elements";

    fn length(&self) -> usize {
        self.len()
    }
}

/// The error for a value that breaks a rule.
fn refusal(path: &Path, reason: &str) -> Diagnostics {
    let stop = if reason.ends_with('.') { "" } else { "." };
    Diagnostic::error("Invalid value", format!("{path} {reason}{stop}")).at(path.clone()).into()
}
