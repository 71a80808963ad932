/**
 * Countries in which a payment at a terminal needs strong customer authentication (PSD2 and its British twin): the
 * European Economic Area and the United Kingdom. Without network a tap proves no PIN there.
 */
const COUNTRIES: ReadonlySet<string> = new Set(
  (
    'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK ' + // the Union
    'IS LI NO ' + // the rest of the Area
    'GB'
  ).split(' '),
);

/** Whether a tap is refused offline at a location in this country (ISO 3166-1 alpha-2); null: the country is not known. */
export function refusesTapOffline(country: string | null): boolean {
  return country !== null && COUNTRIES.has(country.toUpperCase());
}
