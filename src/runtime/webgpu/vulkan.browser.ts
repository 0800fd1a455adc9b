/** The browser finds its drivers. */
export const findVulkanDrivers = (): readonly string[] | undefined => undefined;

export const areSoftware = (_: readonly string[] | undefined): boolean => false;
