import {invalidRequest} from './problem.js';
import type {IntentRecord} from './state.js';

export type Matches = (record: IntentRecord) => boolean;

/** `status:"succeeded"`, `metadata["key"]:'value'`, `amount>1000`; quotes of either kind. */
const CLAUSE =
  /^(?<negated>-)?(?<field>[a-z_]+)(?:\[(?<quote>["'])(?<key>.*?)\k<quote>\])?(?<operator>:|>=|<=|>|<)(?:(?<mark>["'])(?<text>.*?)\k<mark>|(?<number>\d+))$/;

/**
 * Stripe's search language as far as payments need it: clauses joined by AND, or by OR, not mixed.
 * Throws a 400 Problem for anything else.
 */
export function parseSearch(query: string): Matches {
  const or = / OR /i.test(query);
  if (or && / AND /i.test(query)) throw cannotParse();
  const clauses = query.split(or ? / OR /i : / AND /i).map((clause) => parseClause(clause.trim()));
  return (record) => (or ? clauses.some((is) => is(record)) : clauses.every((is) => is(record)));
}

function parseClause(clause: string): Matches {
  const groups = CLAUSE.exec(clause)?.groups;
  if (groups === undefined) throw cannotParse();
  const {field = '', key, operator = ':'} = groups;
  const wanted = groups.text ?? groups.number ?? '';
  const test: Matches = (record) => compare(fieldOf(record, field, key), operator, wanted);
  return groups.negated === undefined ? test : (record) => !test(record);
}

function fieldOf(record: IntentRecord, field: string, key: string | undefined): string | number | undefined {
  switch (field) {
    case 'metadata':
      return key === undefined ? undefined : record.metadata[key];
    case 'status':
    case 'currency':
    case 'amount':
    case 'created':
      return record[field];
    default:
      throw cannotParse();
  }
}

function compare(value: string | number | undefined, operator: string, wanted: string): boolean {
  if (value === undefined) return false;
  switch (operator) {
    case ':':
      return String(value) === wanted;
    case '>':
      return Number(value) > Number(wanted);
    case '>=':
      return Number(value) >= Number(wanted);
    case '<':
      return Number(value) < Number(wanted);
    default:
      return Number(value) <= Number(wanted);
  }
}

function cannotParse() {
  return invalidRequest('The sandbox does not understand this search query.', {param: 'query'});
}
