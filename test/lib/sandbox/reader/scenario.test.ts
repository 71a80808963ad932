import {expect} from 'chai';
import type {StowpayError} from '../../../../src/lib/core/errors.js';
import {
  BEGINNING,
  type Progress,
  playCard,
  playCommand,
  settingsAt,
} from '../../../../src/lib/sandbox/reader/player.js';
import {checkSettings, parseScenario, type Scenario} from '../../../../src/lib/sandbox/reader/scenario.js';

function errorOf(act: () => unknown): StowpayError {
  try {
    act();
  } catch (error) {
    return error as StowpayError;
  }
  return expect.fail('was taken');
}

/** What the message says of a file, without its beginning and end. */
function problems(content: unknown): readonly string[] {
  const error = errorOf(() => parseScenario(JSON.stringify(content)));
  expect(error.code).to.equal('scenario_invalid');
  return error.details.problems as readonly string[];
}

const of = (content: object): Scenario => parseScenario(JSON.stringify(content));

/** The names of the next cards, as they come. */
function cards(scenario: Scenario, count: number): readonly string[] {
  let progress: Progress = BEGINNING;
  return Array.from({length: count}, () => {
    const played = playCard(scenario, progress);
    progress = played.progress;
    return `${played.what.card.alias} ${played.what.behavior}`;
  });
}

describe('a scenario file', () => {
  it('is told what is wrong, where, and what may stand there', () => {
    for (const [content, expected] of [
      [[], ['the file is a list, not an object', 'steps is missing, not a list']],
      [{steps: []}, ['steps has 0 entries, not 1 to 1000']],
      [{steps: [{}]}, ['steps[0] says nothing: give it a card, a behavior, a command, idle_ms or a reader']],
      [
        {steps: [{card: 'visa', command: '18-01'}]},
        ['steps[0] is both a card and a command step: make two of it'],
      ],
      [
        {steps: [{card: 'visa', behaviour: 'msd'}]},
        ['steps[0].behaviour is no field here (meant: behavior?)'],
      ],
      [
        {steps: [{behavior: 'aprove'}]},
        ['steps[0].behavior is "aprove"; there is none of that name (meant: approve?)'],
      ],
      [
        {steps: [{card: 'visa', after_ms: 1.5}]},
        ['steps[0].after_ms is 1.5, not a whole number from 0 to 600000'],
      ],
      [{steps: [{card: 'visa', repeat: 0}]}, ['steps[0].repeat is 0, not a whole number from 1 to 10000']],
      [
        {steps: [{card: 'visa', faults: [{kind: 'status'}]}]},
        ['steps[0].faults[0] needs a status, like "0B"'],
      ],
      [{steps: [{card: 'visa', faults: [{kind: 'delay'}]}]}, ['steps[0].faults[0] needs for_ms']],
      [{steps: [{card: 'visa', faults: [{at: 'seen'}]}]}, ['steps[0].faults[0] has no kind']],
      [
        {steps: [{command: '18', faults: [{kind: 'silence', at: 'now'}]}]},
        [
          'steps[0].command is "18", not a command and sub-command like "18-01"',
          'steps[0].faults[0].at is "now"; it can be waiting, seen, answer',
        ],
      ],
      [{steps: [{command: '18-01'}]}, ['steps[0].faults is missing, not a list']],
      [
        {steps: [{command: '02-40', faults: [{kind: 'silence'}]}]},
        ['steps[0].command is a card read: that is a step with a card or a behavior'],
      ],
      [
        {reader: {output: 'new', keys_left: -1}, steps: [{card: 'visa'}]},
        [
          'reader.keys_left is -1, not a whole number from 0 to 10000',
          'reader.output is "new"; it can be current, old, strict',
        ],
      ],
      [{steps: [{reader: {tampered: 'yes'}}]}, ['steps[0].reader.tampered is "yes", not true or false']],
      [
        {steps: [{card: 'visa'}], afterwards: 'stop'},
        ['afterwards is "stop"; it can be cards, nobody, repeat'],
      ],
    ] as const) {
      expect(problems(content)).to.deep.equal(expected);
    }
  });

  it('that is no JSON is told where', () => {
    const error = errorOf(() => parseScenario('{"steps": [}'));
    expect(error.code).to.equal('scenario_invalid');
    expect(error.message).to.match(/^The scenario is no JSON: .*}/);
  });

  it('never has a number repeated that may be a real card', () => {
    const pan = '4111111111111111';
    for (const step of [{card: pan}, {behavior: pan}, {[pan]: 1}, {card: 'visa', after_ms: Number(pan)}]) {
      const error = errorOf(() => parseScenario(JSON.stringify({steps: [step]})));
      expect(`${error.message} ${JSON.stringify(error.details)}`).to.not.include(pan);
    }
  });

  it('shows the first of many problems, and how many more there are', () => {
    const content = {steps: Array.from({length: 14}, () => ({}))};
    expect(problems(content)).to.have.length(14);
    expect(errorOf(() => parseScenario(JSON.stringify(content))).message).to.match(/; and 4 more\.$/);
  });

  it('sets the reader up by the same rules as the command line', () => {
    expect(checkSettings({clock_offset_s: -60, serial_number: null})).to.deep.equal({
      clock_offset_s: -60,
      serial_number: null,
    });
    for (const settings of [
      {hunter2: 1},
      {output: 'hunter2'},
      {paced: 'hunter2'},
      {clock_offset_s: 'hunter2'},
    ]) {
      const error = errorOf(() => checkSettings(settings));
      expect(error.code).to.equal('invalid_usage');
      expect(`${error.message} ${error.hint}`).to.not.include('hunter2');
    }
  });
});

describe('a scenario', () => {
  it('plays its cards one a read, some several times, then ordinary ones', () => {
    const steps = [
      {card: 'amex', repeat: 2},
      {card: '5555 5555 5555 4444', behavior: 'msd'},
    ];
    const played = ['amex approve', 'amex approve', 'mastercard msd'];
    expect(cards(of({steps}), 4)).to.deep.equal([...played, 'visa approve']);
    expect(cards(of({steps, afterwards: 'nobody'}), 4)).to.deep.equal([...played, 'visa no_card']);
    expect(cards(of({steps, afterwards: 'repeat'}), 5)).to.deep.equal([
      ...played,
      'amex approve',
      'amex approve',
    ]);
  });

  it('never runs in circles over steps that are no card', () => {
    const steps = [{idle_ms: 5, faults: [{kind: 'silence'}]}, {reader: {output: 'old'}}];
    expect(cards(of({steps, afterwards: 'repeat'}), 2)).to.deep.equal(['visa approve', 'visa approve']);
    const mixed = [...steps, {card: 'jcb'}, {reader: {output: 'strict'}}];
    expect(cards(of({steps: mixed, afterwards: 'repeat'}), 3)).to.deep.equal(Array(3).fill('jcb approve'));
  });

  it('waits for a command, and is passed over by a card', () => {
    const fault = {kind: 'silence', for_ms: 5} as const;
    const scenario = of({steps: [{command: '29-00', faults: [fault]}, {card: 'amex'}]});
    expect(playCommand(scenario, BEGINNING, 0x18, 0x01).what).to.deep.equal([]);
    const played = playCommand(scenario, BEGINNING, 0x29, 0x00);
    expect(played.what).to.deep.equal([fault]);
    expect(playCommand(scenario, played.progress, 0x29, 0x00).what).to.deep.equal([]);
    expect(cards(scenario, 1)).to.deep.equal(['amex approve']);
  });

  it('changes how the reader is set up when it comes to that', () => {
    const scenario = of({
      reader: {output: 'old', clock_offset_s: 5},
      steps: [{card: 'visa'}, {reader: {output: 'strict'}}, {card: 'visa'}],
    });
    expect(settingsAt(scenario, BEGINNING)).to.deep.equal({output: 'old', clock_offset_s: 5});
    expect(settingsAt(scenario, {step: 1, played: 0})).to.deep.equal({output: 'strict', clock_offset_s: 5});
  });
});
