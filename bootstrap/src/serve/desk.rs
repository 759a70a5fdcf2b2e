//! What the handlers share: the rules, and the renderer behind them.

use std::sync::Arc;

use apikit::{BackendError, StartError};

use super::{
    Config,
    limits::Places,
    renderer::Renderer,
    rendering::Rendering,
    rules::{Choices, Defaults, Fault, Rules},
    schema::Schema,
};
use crate::{answers::Answers, house, render::Template};

/// One template. Clones share it.
#[derive(Clone)]
pub struct Desk {
    pub schema: Schema,
    pub choices: Arc<Choices>,
    /// Where the template is fetched from.
    pub repository: Arc<str>,
    template: Arc<Template>,
    renderer: Renderer,
    places: Places,
}

/// What the hooks say of answers.
pub struct Opinion {
    pub faults: Vec<Fault>,
    /// Of the answers that are not given.
    pub defaults: Defaults,
}

impl Desk {
    /// The desk for a template, with its own copy of what is rendered.
    ///
    /// # Errors
    /// One sentence, when it cannot be read or copied.
    pub fn new(template: Template, config: &Config) -> Result<Self, StartError> {
        Self::of(template, config).map_err(|error| StartError::failed(format!("{error:#}.")))
    }

    fn of(template: Template, config: &Config) -> anyhow::Result<Self> {
        let places = Places::new(config.max_renderings, config.max_waiting);
        let template = Arc::new(template);
        let rules = Rules::of(&template)?;
        let constants = house::constants(&template, "house")?;
        let repository = constants.get("template_url").map_or("", String::as_str);
        Ok(Self {
            schema: Schema::of(&rules)?,
            choices: Arc::new(rules.choices()?),
            repository: repository.into(),
            renderer: Renderer::new(&template, places.clone())?,
            template,
            places,
        })
    }

    /// What the hooks say of these answers.
    ///
    /// # Errors
    /// 503 when too much is being done, and 500 when a hook fails.
    pub async fn opinion(&self, answers: &Answers) -> apikit::Result<Opinion> {
        let (template, answers) = (self.template.clone(), answers.clone());
        let opinion = move || -> anyhow::Result<Opinion> {
            let rules = Rules::of(&template)?;
            Ok(Opinion {
                faults: rules.faults(&answers)?,
                defaults: rules.defaults(&answers)?,
            })
        };
        self.work(opinion).await?.map_err(BackendError::internal)
    }

    /// The service of these answers.
    ///
    /// # Errors
    /// 400 with every answer that breaks its rule, 503 when too much is being done, and 500 when it fails.
    pub async fn render(&self, answers: &Answers) -> apikit::Result<Arc<Rendering>> {
        if let Some(rendering) = self.renderer.kept(answers).await {
            return Ok(rendering);
        }
        let faults = self.opinion(answers).await?.faults;
        if !faults.is_empty() {
            let sentences: Vec<_> = faults.into_iter().map(|fault| fault.sentence).collect();
            return Err(BackendError::bad_request(sentences.join(" ")));
        }
        self.renderer.render(answers).await
    }

    /// Does what takes a processor, when there is room.
    ///
    /// # Errors
    /// 503 when too much is being done.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> apikit::Result<T> {
        self.places.run(work).await
    }
}
