/** Which version of its rows something was made with. */
import type { DataRef } from '../../worker/api.ts';

/** `, rows as of version 4`; '' for rows as they were imported. */
export const asOf = (data: Pick<DataRef, 'revision'> | undefined): string =>
  data?.revision === undefined ? '' : `, rows as of version ${data.revision}`;
