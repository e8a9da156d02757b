//! Whether there is work for a tenant: the question, and what an answer means.
//!
//! Only a number or a truth value says something. Whatever else comes back is
//! unknown and never "no work": a field that was renamed, a query without a
//! series and a server that is away all look like an empty queue to whoever
//! counts nothing as zero.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use tenancy::demand::{DemandSource, JsonPath};
use tenancy::gate::GateConfig;
use tenancy::observation::{Demand, Unknown};
use tenancy::window::Schedule;

use super::api::Api;
use super::fetch;
use super::object::Object;

/// A queue's figures are a few hundred bytes; the jobs themselves may be listed with them.
const ANSWER_LIMIT: usize = 1 << 20;

const QUESTION: fetch::Manner =
    fetch::Manner { told: "asking", accept: "application/json", limit: ANSWER_LIMIT };

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What `decide` is told.
    pub verdict: Demand,
    /// What the source said, for people; `None` where nobody was asked or nothing was said.
    pub said: Option<String>,
}

/// Asks whether there is work for a tenant. A tenant that is always awake is
/// not asked for; every other is whenever it has a source, because a window may
/// open between the question and the decision.
pub async fn ask(gate: &GateConfig) -> Asked {
    match source(gate) {
        Some(source) => judge(source, fetch::get(&url(source), QUESTION).await),
        None => Asked { verdict: Demand::NotAsked, said: None },
    }
}

/// Asks through the API server's proxy, for whoever is outside the cluster.
/// `None` where no source is asked or its address names no Service.
pub async fn ask_through(api: &Api, gate: &GateConfig) -> Option<Asked> {
    let source = source(gate)?;
    let object = Object::proxied(&url(source))?;
    let answer = api
        .page(&object)
        .await
        .map_err(|why| format!("asking {} through the API server failed: {}", source.url(), why.clause()));
    Some(judge(source, answer))
}

fn source(gate: &GateConfig) -> Option<&DemandSource> {
    gate.demand.as_ref().filter(|_| gate.schedule != Schedule::Always).map(|probe| &probe.source)
}

fn url(source: &DemandSource) -> String {
    match source {
        DemandSource::Http { url, .. } => url.to_string(),
        DemandSource::Prometheus { url, query } => {
            let server = url.as_str().trim_end_matches('/');
            format!("{server}/api/v1/query?query={}", utf8_percent_encode(query, NON_ALPHANUMERIC))
        }
    }
}

fn judge(source: &DemandSource, answer: Result<String, String>) -> Asked {
    let work = answer.and_then(|answer| match source {
        DemandSource::Http { url, json_path } => {
            by_path(&answer, json_path).map_err(|why| format!("{url} does not tell: {why}"))
        }
        DemandSource::Prometheus { url, query } => {
            by_query(&answer, query).map_err(|why| format!("{url} does not tell: {why}"))
        }
    });
    match work {
        Ok(Work { amount, place }) => Asked {
            verdict: if amount > 0.0 { Demand::Yes } else { Demand::No },
            said: Some(format!("{amount} at {place} of {}", source.url())),
        },
        Err(reason) => Asked { verdict: Demand::Unknown(Unknown { reason }), said: None },
    }
}

/// How much work there is.
#[derive(Debug, Clone, PartialEq)]
struct Work {
    /// The number; 1 and 0 for a truth value, the count of a list.
    amount: f64,
    /// Where it was read.
    place: String,
}

/// Reads an HTTP answer: everything that the path leads to, added up.
fn by_path(answer: &str, path: &JsonPath) -> Result<Work, String> {
    let answer: Value =
        serde_json::from_str(answer).map_err(|why| format!("its answer is not JSON: {why}"))?;
    let found = path.find(&answer);
    if found.is_empty() {
        return Err(format!("{path} leads to nothing in its answer"));
    }
    let mut amount = 0.0;
    for one in found {
        amount += match one {
            Value::Bool(flag) => f64::from(u8::from(*flag)),
            Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
            // A list of jobs is as long as there are jobs: a length beyond 2^53 is no concern.
            Value::Array(jobs) => u32::try_from(jobs.len()).map_or(f64::INFINITY, f64::from),
            other => return Err(format!("{path} leads to {}, which is no number", short(other))),
        };
    }
    checked(amount, path.to_string())
}

#[derive(Deserialize)]
struct QueryAnswer {
    status: String,
    error: Option<String>,
    data: Option<QueryData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryData {
    result_type: String,
    result: Value,
}

/// Reads the answer to an instant query: a scalar, or the sum of a vector.
fn by_query(answer: &str, query: &str) -> Result<Work, String> {
    let answer: QueryAnswer =
        serde_json::from_str(answer).map_err(|why| format!("its answer is not a Prometheus': {why}"))?;
    let data = match (answer.status.as_str(), answer.data) {
        ("success", Some(data)) => data,
        _ => return Err(format!("the query failed: {}", answer.error.unwrap_or_default())),
    };
    let samples: Vec<&Value> = match data.result_type.as_str() {
        "scalar" => vec![&data.result],
        "vector" => data.result.as_array().into_iter().flatten().map(|series| &series["value"]).collect(),
        other => return Err(format!("the query makes a {other}; one number is wanted, such as by `sum(…)`")),
    };
    if samples.is_empty() {
        return Err(format!("no series answers {query}; where none means no work, write `… or vector(0)`"));
    }
    let mut amount = 0.0;
    for sample in samples {
        let text = sample[1].as_str().ok_or_else(|| format!("{} is not a sample", short(sample)))?;
        amount += text.parse::<f64>().map_err(|_| format!("{text:?} is not a number"))?;
    }
    checked(amount, query.to_owned())
}

fn checked(amount: f64, place: String) -> Result<Work, String> {
    if amount.is_nan() || amount < 0.0 {
        return Err(format!("{amount} at {place} is no amount of work"));
    }
    Ok(Work { amount, place })
}

/// The beginning of a value, for people.
fn short(value: &Value) -> String {
    let text = value.to_string();
    let cut: String = text.chars().take(40).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &DemandSource, answers: &[&str]) -> String {
        let told = answers.iter().map(|answer| {
            let Asked { verdict, said } = judge(source, Ok((*answer).to_owned()));
            let verdict = match verdict {
                Demand::Unknown(Unknown { reason }) => format!("unknown: {reason}"),
                known => format!("{known:?}"),
            };
            format!("{answer}\n  {verdict}{}", said.map_or(String::new(), |said| format!(": {said}")))
        });
        told.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_number_a_truth_value_and_a_list_tell_and_nothing_else_does() {
        let source = DemandSource::Http {
            url: "http://queue.tts/stats".parse().unwrap(),
            json_path: "$.pending".parse().unwrap(),
        };
        let long = format!("{{\"pending\":\"{}\"}}", "x".repeat(90));
        insta::assert_snapshot!(told(
            &source,
            &[
                r#"{"pending":3}"#,
                r#"{"pending":0.5}"#,
                r#"{"pending":0}"#,
                r#"{"pending":true}"#,
                r#"{"pending":false}"#,
                r#"{"pending":[{"id":1}]}"#,
                r#"{"pending":[]}"#,
                r#"{"pending":null}"#,
                r#"{"pending":"3"}"#,
                r#"{"pending":{"jobs":3}}"#,
                r#"{"pending":-1}"#,
                r#"{"waiting":3}"#,
                "{}",
                "",
                "<html>",
                &long,
            ]
        ));
    }

    #[test]
    fn several_places_are_added_up() {
        let source = DemandSource::Http {
            url: "http://comfyui/queue".parse().unwrap(),
            json_path: "$['queue_running', 'queue_pending']".parse().unwrap(),
        };
        insta::assert_snapshot!(told(
            &source,
            &[
                r#"{"queue_running":[],"queue_pending":[1,2]}"#,
                r#"{"queue_running":[],"queue_pending":[]}"#,
                r#"{"queue_running":[],"queue_pending":null}"#,
            ]
        ));
    }

    #[test]
    fn a_query_that_no_series_answers_is_not_an_empty_queue() {
        let source = DemandSource::Prometheus {
            url: "http://prometheus.monitoring:9090/".parse().unwrap(),
            query: "sum(jobs{app=\"tts\"})".into(),
        };
        assert_eq!(
            url(&source),
            "http://prometheus.monitoring:9090/api/v1/query?query=sum%28jobs%7Bapp%3D%22tts%22%7D%29"
        );
        let vector = |samples: &str| {
            format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{samples}]}}}}"#)
        };
        let answers = [
            vector(r#"{"metric":{},"value":[1,"2"]}"#),
            vector(r#"{"metric":{},"value":[1,"0"]},{"metric":{},"value":[1,"1"]}"#),
            vector(r#"{"metric":{},"value":[1,"0"]}"#),
            vector(r#"{"metric":{},"value":[1,"NaN"]}"#),
            vector(""),
            r#"{"status":"success","data":{"resultType":"scalar","result":[1,"4"]}}"#.into(),
            r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#.into(),
            r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#.into(),
            "{}".into(),
        ];
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        insta::assert_snapshot!(told(&source, &answers));
    }
}
