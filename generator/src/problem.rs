//! What is wrong with a file, where, and what would be right.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A file as it was read, by the path that messages name.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path as the user would type it, relative to the live repository.
    pub path: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
}

impl Source {
    /// A file that was read.
    pub fn new(path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// A place in it.
    pub fn at(&self, span: Range<usize>) -> Place {
        Place { source: self.clone(), span }
    }

    /// Line and column, counted from 1 in characters, of a byte.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte.min(self.text.len())).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// Some bytes of a file. Every value knows its own, so that values of several
/// files can meet in one tenant and each error still names the right line.
#[derive(Debug, Clone)]
pub struct Place {
    /// The file.
    pub source: Source,
    /// The bytes.
    pub span: Range<usize>,
}

impl Place {
    /// The point at which it begins.
    pub fn start(&self) -> Self {
        Self { source: self.source.clone(), span: self.span.start..self.span.start }
    }

    /// What stands there.
    pub fn text(&self) -> Option<&str> {
        self.source.text.get(self.span.clone())
    }

    /// The line it begins on, counted from 1.
    pub fn line(&self) -> usize {
        self.source.position(self.span.start).0
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub struct Problem {
    place: Place,
    /// Why it is refused, without a full stop.
    pub reason: String,
    /// What would be accepted, as whole sentences; it may be empty.
    pub accepted: String,
}

impl Problem {
    /// A problem at a place of a file.
    pub fn at(place: Place, reason: impl Into<String>) -> Self {
        Self { place, reason: reason.into(), accepted: String::new() }
    }

    /// A problem with a file or folder as a whole.
    pub fn with_path(path: impl Into<Arc<str>>, reason: impl Into<String>) -> Self {
        Self::at(Source::new(path, "").at(0..0), reason)
    }

    /// Adds what would be accepted.
    pub fn accepted(mut self, accepted: impl Into<String>) -> Self {
        self.accepted = accepted.into();
        self
    }

    /// The file, then line and column, by which problems are ordered.
    pub fn position(&self) -> (&str, usize, usize) {
        let (line, column) = self.place.source.position(self.place.span.start);
        (&self.place.source.path, line, column)
    }

    /// The problem in one line without colours: `file:line:column: reason`.
    pub fn line(&self) -> String {
        if self.place.source.text.is_empty() {
            return format!("{}: {}", self.place.source.path, self.reason);
        }
        let (path, line, column) = self.position();
        format!("{path}:{line}:{column}: {}", self.reason)
    }

    /// The problem with the line it stands on.
    pub fn render(&self, renderer: &Renderer) -> String {
        if self.place.source.text.is_empty() {
            return self.render_whole_file(renderer);
        }
        // The place stands above the line itself.
        let mark = AnnotationKind::Primary.span(self.marked());
        let snippet =
            Snippet::source(&*self.place.source.text).path(&*self.place.source.path).annotation(mark);
        let mut group = Level::ERROR.primary_title(&self.reason).element(snippet);
        if !self.accepted.is_empty() {
            group = group.element(Level::HELP.message(&self.accepted));
        }
        renderer.render(&[group])
    }

    /// Without a line to show, what would be accepted is a heading of its own:
    /// below the first it would hang on the bar of a line that is not there.
    fn render_whole_file(&self, renderer: &Renderer) -> String {
        let heading = |level: Level<'static>, text: String| {
            renderer.render(&[Group::with_title(level.primary_title(text))])
        };
        let error = heading(Level::ERROR, self.line());
        match self.accepted.as_str() {
            "" => error,
            accepted => format!("{error}\n{}", heading(Level::HELP, accepted.to_owned())),
        }
    }

    /// The part of the span on its first line, so that a map that is at fault
    /// as a whole does not print the whole map.
    fn marked(&self) -> Range<usize> {
        let text = &self.place.source.text;
        let start = self.place.span.start.min(text.len());
        let end = self.place.span.end.clamp(start, text.len());
        let first_line = text.get(start..end).and_then(|marked| marked.find('\n')).map(|at| start + at);
        start..first_line.unwrap_or(end)
    }
}

/// All problems of all files, in the order of the files.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them by file, line and column.
    pub fn sorted(mut self) -> Vec<Problem> {
        self.0.sort_by(|a, b| a.position().cmp(&b.position()));
        self.0
    }

    /// `Ok` when there are none.
    ///
    /// # Errors
    /// All of them.
    pub fn into_result<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.is_empty() { Ok(value) } else { Err(self.sorted()) }
    }
}
