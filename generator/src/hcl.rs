//! Values of Terraform's language, and their text as `terraform fmt` has it.

use std::fmt::Write as _;

/// A value on the right of an `=`.
#[derive(Debug, Clone, PartialEq)]
pub enum Hcl {
    /// A string, always quoted and escaped: nothing in it is ever interpolated.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A number with a fraction, as JSON spells it.
    Decimal(String),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// An expression of ours, such as `gpu_card.t4.id`.
    Expression(String),
    /// A function of one value, such as `jsonencode`.
    Call(&'static str, Box<Hcl>),
    /// A list; one of single values stands on one line.
    List(Vec<Hcl>),
    /// A map or object whose keys were chosen by people: all of them are quoted where needed.
    Map(Vec<(String, Hcl)>),
}

impl From<&str> for Hcl {
    fn from(text: &str) -> Self {
        Hcl::Text(text.to_owned())
    }
}

impl From<String> for Hcl {
    fn from(text: String) -> Self {
        Hcl::Text(text)
    }
}

impl From<&serde_json::Value> for Hcl {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Hcl::Null,
            serde_json::Value::Bool(value) => Hcl::Bool(*value),
            serde_json::Value::Number(number) => {
                number.as_i64().map_or_else(|| Hcl::Decimal(number.to_string()), Hcl::Number)
            }
            serde_json::Value::String(text) => Hcl::Text(text.clone()),
            serde_json::Value::Array(items) => Hcl::List(items.iter().map(Hcl::from).collect()),
            serde_json::Value::Object(fields) => {
                Hcl::Map(fields.iter().map(|(key, value)| (key.clone(), value.into())).collect())
            }
        }
    }
}

impl Hcl {
    /// Writes the value; lines after the first are indented by `depth` steps.
    pub fn write(&self, out: &mut String, depth: usize) {
        match self {
            Hcl::Text(text) => quote(out, text, Escape::Syntax),
            Hcl::Number(number) => drop(write!(out, "{number}")),
            Hcl::Decimal(text) | Hcl::Expression(text) => out.push_str(text),
            Hcl::Bool(value) => drop(write!(out, "{value}")),
            Hcl::Null => out.push_str("null"),
            Hcl::Call(function, argument) => {
                out.push_str(function);
                out.push('(');
                argument.write(out, depth);
                out.push(')');
            }
            Hcl::List(items) if items.iter().all(Hcl::is_single) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    item.write(out, depth);
                }
                out.push(']');
            }
            Hcl::List(items) => {
                out.push_str("[\n");
                for item in items {
                    indent(out, depth + 1);
                    item.write(out, depth + 1);
                    out.push_str(",\n");
                }
                indent(out, depth);
                out.push(']');
            }
            Hcl::Map(entries) if entries.is_empty() => out.push_str("{}"),
            Hcl::Map(entries) => {
                out.push_str("{\n");
                for (name, value) in entries {
                    indent(out, depth + 1);
                    key(out, name);
                    out.push_str(" = ");
                    value.write(out, depth + 1);
                    out.push('\n');
                }
                indent(out, depth);
                out.push('}');
            }
        }
    }

    /// The value on a line of its own depth.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out
    }

    fn is_single(&self) -> bool {
        !matches!(self, Hcl::Call(..) | Hcl::List(_) | Hcl::Map(_))
    }
}

/// Text as a quoted string in which nothing is interpolated.
pub fn quoted(text: &str) -> String {
    Hcl::from(text).to_text()
}

/// Text as a part of a quoted string, without its quotes.
pub fn escaped(text: &str) -> String {
    let quoted = quoted(text);
    quoted[1..quoted.len() - 1].to_owned()
}

/// Text that is Terraform's language and passes through a heredoc of
/// terragrunt's first, which would take `$${` as an escape of its own.
pub fn for_heredoc(text: &str) -> String {
    text.replace("$${", "\\u0024{").replace("%%{", "\\u0025{")
}

#[derive(Clone, Copy, PartialEq)]
enum Escape {
    /// What would end or interpolate the string, and control characters.
    Syntax,
    /// Everything that is not ASCII too: keys are aligned by their width, which
    /// only ASCII has beyond doubt.
    NonAscii,
}

fn quote(out: &mut String, text: &str, escape: Escape) {
    out.push('"');
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => {
                out.push(character);
                out.push(character);
            }
            // `$$${` is read as nobody would guess.
            '$' | '%' if characters.peek().is_some_and(|next| *next == character || *next == '{') => {
                push_code(out, character);
            }
            _ if character.is_control() || is_invisible(character) => push_code(out, character),
            _ if escape == Escape::NonAscii && !character.is_ascii() => push_code(out, character),
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// Characters that make a line read otherwise than it is.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn push_code(out: &mut String, character: char) {
    let code = u32::from(character);
    let _ = if code > 0xffff { write!(out, "\\U{code:08x}") } else { write!(out, "\\u{code:04x}") };
}

/// A key, bare where the language allows it and it does not mean something else.
fn key(out: &mut String, name: &str) {
    let identifier = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if identifier && !["for", "true", "false", "null", "if", "in"].contains(&name) {
        out.push_str(name);
    } else {
        quote(out, name, Escape::NonAscii);
    }
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Aligns the `=` of attributes that follow each other, as `terraform fmt` does:
/// only attributes on one line count, and any other line ends the run.
pub fn align(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut run: Vec<(&str, &str)> = Vec::new();
    for line in lines {
        match attribute(line) {
            Some(parts) => run.push(parts),
            None => {
                flush(&mut out, &mut run);
                out.push_str(line.trim_end());
                out.push('\n');
            }
        }
    }
    flush(&mut out, &mut run);
    out
}

fn flush(out: &mut String, run: &mut Vec<(&str, &str)>) {
    let widest = run.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in run.drain(..) {
        let _ = writeln!(out, "{name:widest$} = {value}");
    }
}

/// The indented name and the value of an attribute that stands on one line.
fn attribute(line: &str) -> Option<(&str, &str)> {
    let trimmed = line.trim_start();
    let width = line.len() - trimmed.len();
    let name_end = if trimmed.starts_with('"') {
        string_end(trimmed)?
    } else {
        trimmed.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))?
    };
    let value = trimmed[name_end..].trim_start().strip_prefix("= ")?.trim();
    (name_end > 0 && closed(value)).then_some((&line[..width + name_end], value))
}

/// Where a quoted string that begins `text` ends.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index + 1),
            _ => {}
        }
    }
    None
}

/// Whether every bracket that a value opens is closed on its line.
fn closed(value: &str) -> bool {
    let mut open = 0i32;
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let step = match first {
            '"' => match string_end(rest) {
                Some(end) => end,
                None => return false,
            },
            '{' | '[' | '(' => {
                open += 1;
                1
            }
            '}' | ']' | ')' => {
                open -= 1;
                1
            }
            _ => first.len_utf8(),
        };
        rest = &rest[step..];
    }
    open == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use hcl_edit::expr::Expression;
    use hcl_edit::structure::Body;
    use proptest::prelude::*;

    /// The value as Terraform's own grammar reads it back.
    fn read_back(value: &Hcl) -> Expression {
        let body: Body = format!("x = {}\n", value.to_text()).parse().unwrap();
        body.get_attribute("x").unwrap().value.clone()
    }

    /// The text that an expression holds, with escapes of templates undone.
    fn text_of(expression: &Expression) -> String {
        match expression {
            Expression::String(text) => text.to_string(),
            Expression::StringTemplate(template) => template
                .iter()
                .map(|element| match element {
                    hcl_edit::template::Element::Literal(literal) => literal.to_string(),
                    other => panic!("{other:?} is evaluated"),
                })
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn hostile_text_is_only_text() {
        for text in [
            "${path.module}",
            "%{ if true }",
            "$${x}",
            "a\"b\\",
            "EOT\n",
            "🦙 \u{202e}",
            "\0",
            "$",
            "%",
            "$$",
            "",
        ] {
            assert_eq!(text_of(&read_back(&text.into())), text, "{text:?}");
        }
    }

    #[test]
    fn runs_are_aligned_and_ended_by_what_takes_several_lines() {
        let text = "a {\n  x = 1\n  long = \"=\"\n  m = {\n    \"k\" = [1, 2]\n    kk = \"{\"\n  }\n  y = 2\n\n  zz = 3\n}\n";
        insta::assert_snapshot!(align(text), @r#"
        a {
          x    = 1
          long = "="
          m = {
            "k" = [1, 2]
            kk  = "{"
          }
          y = 2

          zz = 3
        }
        "#);
    }

    proptest! {
        #[test]
        fn any_text_survives(text in any::<String>()) {
            prop_assert_eq!(text_of(&read_back(&text.as_str().into())), text);
        }

        #[test]
        fn any_text_full_of_syntax_survives(text in "[\"$%{}\\\\\n~a ]{0,24}") {
            prop_assert_eq!(text_of(&read_back(&text.as_str().into())), text);
        }

        #[test]
        fn any_key_survives(name in any::<String>()) {
            let value = Hcl::Map(vec![(name.clone(), Hcl::Bool(true))]);
            let Expression::Object(object) = read_back(&value) else { panic!("no object") };
            let keys: Vec<String> = object.iter().map(|(key, _)| match key {
                hcl_edit::expr::ObjectKey::Ident(ident) => ident.to_string(),
                hcl_edit::expr::ObjectKey::Expression(expression) => text_of(expression),
            }).collect();
            prop_assert_eq!(keys, [name]);
        }
    }
}
