//! `opabinia ask`: one question, one answer.

use super::answer_text::{Streamed, answer_json, figures};
use super::args::{AnswerArgs, ImageInputArgs, LoadArgs, ModelArgs};
use super::console::{Console, print_generated, print_json};
use super::driver::Driver;
use super::failure::Result;
use clap::Args;
use opabinia_engine::worker::{Decoding, Prompt, RunSpec};

const EXAMPLES: &str = "\
Examples:
  opabinia ask \"How many red circles are there?\"
  opabinia ask --model cambrian-8b --image desk.jpg \"What is on the desk?\"
  opabinia ask --model nyu-visionx/cambrian-8b --weights q8_0 -i desk.jpg \"Describe it.\"
  opabinia ask -m cambrian-8b -i desk.jpg --turn \"What is this?\" \"A desk.\" \"What colour is it?\"
  opabinia ask -m cambrian-8b --temperature 0.7 --top-p 0.9 --seed 3 \"Tell me about trilobites.\"
  opabinia ask -m cambrian-8b -i desk.jpg --json --top 5 \"How many cups?\" | jq '.tokens[0]'

The answer alone goes to standard output, as it is made. Figures go to standard error; --quiet
leaves them out.";

/// Ask a question, about a picture or without one.
///
/// Opens the checkpoint, looks at the picture, and prints the answer while it is made. Without sampling flags the
/// answer is the one the reference implementation gives.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Ask {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    image_input: ImageInputArgs,
    /// The question.
    #[arg(value_name = "QUESTION")]
    question: String,
    /// Print one JSON object when done: text, token ids, log-probabilities, timings.
    #[arg(long)]
    json: bool,
    /// With --json: also give the N most likely tokens at each place.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "json")]
    top: usize,
    #[command(flatten)]
    answer: AnswerArgs,
    #[command(flatten)]
    load: LoadArgs,
}

impl Ask {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever keeps the question from being answered.
    pub fn run(&self, console: Console) -> Result<()> {
        let options = self.answer.options(self.top)?;
        let image = self.image_input.image(&self.model);
        let picture = self.image_input.picture(image.as_deref())?;
        let request = self.load.request(&self.model.model)?;
        self.image_input.introduce(&self.model, image.as_deref(), console);
        let mut driver = Driver::start(console, self.json)?;
        let inspection = driver.inspect(request.clone())?;
        self.image_input.check(&self.question, picture.as_deref().zip(image.as_deref()), &inspection)?;
        let opened = driver.load(request, &inspection)?;
        let prompt = Prompt { system: self.answer.system.clone(), turns: self.image_input.turns(&self.question) };
        let decoding = Decoding::Generate(options);
        let spec = RunSpec { image: picture, decoding, ..RunSpec::new(opened.model, prompt) };
        if self.json {
            let answer = driver.ask(spec, &mut |_| Ok(()))?;
            return print_json(&answer_json(&answer, &opened, image.as_deref(), &self.question));
        }
        let mut streamed = Streamed::new(&self.answer.stop);
        let answer = driver.ask(spec, &mut |token| print_generated(streamed.push(&token.text)))?;
        print_generated(&format!("{}\n", streamed.rest(&answer.text)))?;
        console.say(&figures(&answer, &opened));
        Ok(())
    }
}
