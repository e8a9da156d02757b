//! Create, read, update and delete of a resource whose objects follow from its
//! attributes alone: a card, a floor, an exporter.

use std::future::Future;

use tenancy::objects::{Key, Objects};
use tfplugin::{
    Attr, CancellationToken, CreateRequest, DeleteRequest, Diagnostics, Outcome, Path, ReadRequest, Resource,
    Set, UpdateRequest,
};

use crate::api::{Api, PATIENCE};
use crate::engine::{Engine, Kept};
use crate::fill::adopted;
use crate::lifecycle::{Change, Lifecycle, Shows};
use crate::outcome;
use crate::picture;
use crate::provider::Data;

/// A resource whose objects follow from its attributes alone.
pub(crate) trait Plain: Resource<Data = Data, Model: Shows> {
    /// What its attributes mean, once all of them are known.
    type Spec: Send + Sync;

    /// What names it in messages and in the cluster.
    fn subject(model: &Self::Model) -> &str;

    /// The attribute that stands for an object in diagnostics.
    fn attribute(key: &Key) -> Path;

    /// `adopt`, as the user wrote it.
    fn adopt(model: &Self::Model) -> &Attr<Set<String>>;

    /// The meaning of a model.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn spec(model: &Self::Model, data: &Data) -> Result<Self::Spec, Diagnostics>;

    /// The objects of it.
    fn desired(spec: &Self::Spec, data: &Data) -> Objects;

    /// Fills in what is computed beside `objects`.
    fn fill_in(model: &mut Self::Model, spec: &Self::Spec);

    /// Looks at the cluster before anything is changed in it, or made, where there is no prior state. What it
    /// answers is told; nothing by default.
    ///
    /// # Errors
    /// Why nothing may be changed.
    fn prepare(
        model: &mut Self::Model,
        prior: Option<&Self::Model>,
        spec: &Self::Spec,
        data: &Data,
        api: &Api,
    ) -> impl Future<Output = Result<Diagnostics, Diagnostics>> + Send {
        let _ = (model, prior, spec, data, api);
        async { Ok(Diagnostics::new()) }
    }

    /// Brings up to date what a refresh reads beside the objects. What it answers is told; nothing by default.
    fn refresh(model: &mut Self::Model, data: &Data, api: &Api) -> impl Future<Output = Diagnostics> + Send {
        let _ = (model, data, api);
        async { Diagnostics::new() }
    }
}

/// Fills in everything that is computed.
fn complete<R: Plain>(model: &mut R::Model, spec: &R::Spec, data: &Data) {
    *model.objects() = picture::known(&R::desired(spec, data), data.digests);
    R::fill_in(model, spec);
}

/// The API server for one operation.
pub(crate) fn api(data: &Data, cancel: &CancellationToken) -> Api {
    data.api.within(PATIENCE, cancel)
}

/// The resource of this model in the cluster.
pub(crate) fn lifecycle<'a, R: Plain>(
    data: &Data,
    api: &'a Api,
    model: &R::Model,
    cancel: CancellationToken,
) -> Lifecycle<'a> {
    let subject = R::subject(model);
    Lifecycle {
        engine: Engine::new(api, R::TYPE_NAME, subject, cancel),
        title: format!("{} {subject}", R::TYPE_NAME),
        attribute: R::attribute,
        digests: data.digests,
    }
}

/// [`Resource::create`].
pub(crate) async fn create<R: Plain>(request: CreateRequest<R>) -> Outcome<R::Model> {
    let data = request.provider;
    let mut model = request.planned;
    let api = api(&data, &request.cancel);
    let (spec, told) = match prepared::<R>(&mut model, None, &data, &api).await {
        Ok(prepared) => prepared,
        Err(problems) => return Outcome::failed(problems),
    };
    let lifecycle = lifecycle::<R>(&data, &api, &model, request.cancel);
    let made = lifecycle.create(&R::desired(&spec, &data), &adopted(R::adopt(&model))).await;
    outcome::created(model, made).with(told)
}

/// [`Resource::read`].
pub(crate) async fn read<R: Plain>(request: ReadRequest<R>) -> Outcome<R::Model> {
    let data = request.provider;
    let mut model = request.state;
    let api = api(&data, &request.cancel);
    let lifecycle = lifecycle::<R>(&data, &api, &model, request.cancel);
    let kept = Kept::read(&request.private);
    let desired = match R::spec(&model, &data) {
        Ok(spec) => R::desired(&spec, &data),
        Err(problems) => return lifecycle.look_unread(model, kept, problems).await,
    };
    let looked = lifecycle.look(&desired, model.objects(), kept).await;
    let told = match &looked {
        Ok(None) => Diagnostics::new(),
        _ => R::refresh(&mut model, &data, &api).await,
    };
    outcome::read(model, looked, &lifecycle.title).with(told)
}

/// [`Resource::update`].
pub(crate) async fn update<R: Plain>(request: UpdateRequest<R>) -> Outcome<R::Model> {
    let data = request.provider;
    let mut prior = request.prior;
    let mut model = request.planned;
    let api = api(&data, &request.cancel);
    let (spec, told) = match prepared::<R>(&mut model, Some(&prior), &data, &api).await {
        Ok(prepared) => prepared,
        Err(problems) => return Outcome::failed(problems),
    };
    let lifecycle = lifecycle::<R>(&data, &api, &model, request.cancel);
    let adopt = adopted(R::adopt(&model));
    let desired = R::desired(&spec, &data);
    let change = Change { desired: &desired, before: prior.objects(), adopt: &adopt, patience: PATIENCE };
    let changed = lifecycle.update(&change, Kept::read(&request.private)).await;
    outcome::updated(prior, model, changed).with(told)
}

/// [`Resource::delete`].
pub(crate) async fn delete<R: Plain>(request: DeleteRequest<R>) -> Outcome<R::Model> {
    let mut prior = request.prior;
    let api = api(&request.provider, &request.cancel);
    let lifecycle = lifecycle::<R>(&request.provider, &api, &prior, request.cancel);
    let deleted = lifecycle.delete(Kept::read(&request.private), prior.objects(), PATIENCE).await;
    outcome::deleted(prior, deleted)
}

/// [`Resource::import`] of a model that was read back from the cluster.
pub(crate) async fn import<R: Plain>(
    mut model: R::Model,
    spec: &R::Spec,
    data: &Data,
    cancel: CancellationToken,
) -> Outcome<R::Model> {
    let api = api(data, &cancel);
    let lifecycle = lifecycle::<R>(data, &api, &model, cancel);
    match lifecycle.find(&R::desired(spec, data), |_, _| {}).await {
        Ok((kept, objects)) => {
            *model.objects() = objects;
            R::fill_in(&mut model, spec);
            Outcome::state(model).with_private(kept.bytes())
        }
        Err(failure) => Outcome::failed(failure.diagnostic(Path::root())),
    }
}

/// The meaning of a planned model that may be applied, which is wholly filled in then.
async fn prepared<R: Plain>(
    model: &mut R::Model,
    prior: Option<&R::Model>,
    data: &Data,
    api: &Api,
) -> Result<(R::Spec, Diagnostics), Diagnostics> {
    let spec = R::spec(model, data)?;
    let told = R::prepare(model, prior, &spec, data, api).await?;
    complete::<R>(model, &spec, data);
    Ok((spec, told))
}
